import type { JmxObject, JmxValue } from "../values.ts";
import { isRawObject, type RawObject, type RawValue } from "./graph.ts";
import { shapeOf } from "./java-shapes.ts";
import { malformed } from "./malformed.ts";

/** More than a stream can nest; references may chain further than nesting does. */
const maxDepth = 1000;
/** Of memory for the plain data of one answer, by the estimates below. */
const maxMemoryBytes = 64 * 1024 * 1024;
const memoryBytes = { item: 16, entry: 64 } as const;
/** Views upon views. */
const maxWrappers = 64;

/** The graph as plain data; see {@link JmxValue} for what becomes what. Throws `protocol` for absurd nesting. */
export function toJmxValue(raw: RawValue): JmxValue {
  return new Conversion().convert(raw);
}

/** One pass over a graph; containers are remembered before they are filled, so that cycles come out as cycles. */
class Conversion {
  readonly #done = new Map<object, JmxValue>();
  #depth = 0;
  #memoryBytes = 0;

  convert(raw: RawValue): JmxValue {
    if (raw === null || typeof raw !== "object") return raw;
    const known = this.#done.get(raw);
    if (known !== undefined) return known;
    this.#depth += 1;
    if (this.#depth > maxDepth) throw malformed(`objects nest deeper than ${maxDepth}`);
    const value = this.#convertObject(raw);
    this.#depth -= 1;
    return value;
  }

  #convertObject(raw: Exclude<RawValue, null | boolean | number | bigint | string>): JmxValue {
    switch (raw.kind) {
      case "bytes":
        return this.#remember(raw, new Uint8Array(raw.bytes));
      case "enum":
        return raw.constant;
      case "class":
        return raw.className;
      case "descriptor":
        return raw.name;
      case "array":
        return raw.componentType === "C" ? this.#text(raw, raw.values.join("")) : this.#list(raw, raw.values);
      case "object":
        return this.#instance(raw);
      default:
        return raw satisfies never;
    }
  }

  #instance(outer: RawObject): JmxValue {
    let object = outer;
    for (let hops = 0; hops < maxWrappers; hops++) {
      const shape = shapeOf(object);
      switch (shape?.kind) {
        case undefined:
          return this.#plainObject(object);
        case "scalar":
          return typeof shape.value === "string"
            ? this.#text(object, shape.value)
            : this.#remember(object, shape.value);
        case "list":
          return this.#list(object, shape.items);
        case "map":
          return this.#map(object, shape.keys, shape.values);
        case "same": {
          // Followed here rather than by recursion: a view that is reached from within itself is no endless loop.
          if (!isRawObject(shape.as)) return this.convert(shape.as);
          const known = this.#done.get(shape.as);
          if (known !== undefined) return known;
          object = shape.as;
        }
      }
    }
    throw malformed("a view of itself");
  }

  #remember<T extends JmxValue>(raw: object, value: T): T {
    this.#done.set(raw, value);
    return value;
  }

  /** Parts of the graph may be shared, so copies of them are bounded apart from the graph. */
  #claim(bytes: number): void {
    this.#memoryBytes += bytes;
    if (this.#memoryBytes > maxMemoryBytes) {
      throw malformed(`its values take more than ${maxMemoryBytes / 1024 ** 2} MiB of memory`);
    }
  }

  #text(raw: object, text: string): JmxValue {
    this.#claim(text.length);
    return this.#remember(raw, text);
  }

  #list(raw: object, values: readonly RawValue[]): JmxValue {
    this.#claim(values.length * memoryBytes.item);
    const items: JmxValue[] = [];
    this.#done.set(raw, items);
    for (const value of values) items.push(this.convert(value));
    return items;
  }

  #map(raw: object, keys: readonly RawValue[], values: readonly RawValue[]): JmxValue {
    this.#claim(keys.length * memoryBytes.entry);
    const map = new Map<JmxValue, JmxValue>();
    this.#done.set(raw, map);
    for (const [i, key] of keys.entries()) map.set(this.convert(key), this.convert(values[i] ?? null));
    return map;
  }

  #plainObject(raw: RawObject): JmxObject {
    const fields = new Map<string, JmxValue>();
    const object: JmxObject = { className: raw.descriptor.name, fields };
    this.#done.set(raw, object);
    for (const part of raw.data) for (const [name, value] of part.fields) fields.set(name, this.convert(value));
    return object;
  }
}
