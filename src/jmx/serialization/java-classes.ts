import { classFlag } from "./wire.ts";

/** A class as the writer describes it: fields in wire order, with the type string of those that are references. */
export interface WrittenClass {
  readonly name: string;
  readonly serialVersion: bigint;
  readonly flags: number;
  readonly fields: readonly (readonly [type: string, name: string])[];
  readonly superclass: WrittenClass | null;
}

const plain = classFlag.serializable;
const withWriteMethod = classFlag.serializable | classFlag.writeMethod;

function define(
  name: string,
  serialVersion: bigint,
  flags: number,
  fields: WrittenClass["fields"] = [],
  superclass: WrittenClass | null = null,
): WrittenClass {
  return { name, serialVersion, flags, fields, superclass };
}

const number = define("java.lang.Number", -8742448824652078965n, plain);

/** Every class ever sent: few enough to pass the strictest serial filters in use. */
export const javaClass = {
  integer: define("java.lang.Integer", 1360826667806852920n, plain, [["I", "value"]], number),
  long: define("java.lang.Long", 4290774380558885855n, plain, [["J", "value"]], number),
  double: define("java.lang.Double", -9172774392245257468n, plain, [["D", "value"]], number),
  boolean: define("java.lang.Boolean", -3665804199014368530n, plain, [["Z", "value"]]),
  hashMap: define("java.util.HashMap", 362498820763181265n, withWriteMethod, [
    ["F", "loadFactor"],
    ["I", "threshold"],
  ]),
  hashSet: define("java.util.HashSet", -5024744406713321676n, withWriteMethod),
  arrayList: define("java.util.ArrayList", 8683452581122892189n, withWriteMethod, [["I", "size"]]),
  stringArray: define("[Ljava.lang.String;", -5921575005990323385n, plain),
  objectArray: define("[Ljava.lang.Object;", -8012369246846506644n, plain),
  byteArray: define("[B", -5984413125824719648n, plain),
  objectName: define("javax.management.ObjectName", 1081892073854801359n, withWriteMethod),
  attribute: define("javax.management.Attribute", 2484220110589082382n, plain, [
    ["Ljava/lang/String;", "name"],
    ["Ljava/lang/Object;", "value"],
  ]),
  marshalledObject: define("java.rmi.MarshalledObject", 8988374069173025854n, plain, [
    ["I", "hash"],
    ["[B", "locBytes"],
    ["[B", "objBytes"],
  ]),
} as const;
