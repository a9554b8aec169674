import type { MBeanAttribute, MBeanInfo, MBeanOperation } from "./contract.ts";
import { malformed } from "./serialization/malformed.ts";
import { isJmxObject, type JmxObject, type JmxValue } from "./values.ts";

/** A javax.management.MBeanInfo, read from its fields. Throws `protocol`. */
export function toMBeanInfo(value: JmxValue): MBeanInfo {
  const info = object(value);
  return {
    className: text(info, "className"),
    attributes: objects(info, "attributes").map(toAttribute),
    operations: objects(info, "operations").map(toOperation),
  };
}

function toAttribute(attribute: JmxObject): MBeanAttribute {
  return {
    name: text(attribute, "name"),
    type: text(attribute, "attributeType"),
    readable: attribute.fields.get("isRead") === true,
    writable: attribute.fields.get("isWrite") === true,
  };
}

function toOperation(operation: JmxObject): MBeanOperation {
  return {
    name: text(operation, "name"),
    returnType: text(operation, "type"),
    signature: objects(operation, "signature").map((parameter) => text(parameter, "type")),
  };
}

function object(value: JmxValue | undefined): JmxObject {
  if (value === undefined || !isJmxObject(value)) throw malformed("a description of an mbean is incomplete");
  return value;
}

function objects(of: JmxObject, field: string): JmxObject[] {
  const values = of.fields.get(field) ?? [];
  if (!Array.isArray(values)) throw malformed(`a description of an mbean without ${field}`);
  return values.map(object);
}

function text(of: JmxObject, field: string): string {
  const value = of.fields.get(field);
  if (typeof value !== "string") throw malformed(`a description of an mbean without ${field}`);
  return value;
}
