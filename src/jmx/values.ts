/**
 * The results of JMX calls, as plain data. Java's collections of every kind become arrays and maps, composite data
 * a map of its items, tabular data an array of such maps, a `long` a bigint, an enum constant its name, an ObjectName,
 * UUID, File, URI, InetAddress, BigDecimal or Class its text. Other classes keep their name and fields. The same Java
 * object gives the same JavaScript object, and cycles stay cycles.
 */
export type JmxValue =
  | null
  | boolean
  /** byte, short, int, float and double. */
  | number
  /** long and BigInteger. */
  | bigint
  /** String and char. */
  | string
  | Uint8Array
  | Date
  | JmxValue[]
  /** Keys that are lists or objects are compared by identity: iterate, do not look up. */
  | Map<JmxValue, JmxValue>
  | JmxObject;

/** An instance of a class that has no JavaScript form of its own. */
export interface JmxObject {
  readonly className: string;
  /** Of the class and its superclasses; without what custom serialization adds. */
  readonly fields: ReadonlyMap<string, JmxValue>;
}

export function isJmxObject(value: JmxValue): value is JmxObject {
  return typeof value === "object" && value !== null && "className" in value && "fields" in value;
}

/** An argument for Java, made by the functions of {@link jmx}; strings, booleans and null stand for themselves. */
export type JmxArgument =
  | null
  | string
  | boolean
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "long"; readonly value: bigint }
  | { readonly type: "double"; readonly value: number }
  | { readonly type: "stringArray"; readonly values: readonly string[] }
  | { readonly type: "set"; readonly items: readonly JmxArgument[] }
  | { readonly type: "list"; readonly items: readonly JmxArgument[] }
  | { readonly type: "map"; readonly entries: readonly (readonly [JmxArgument, JmxArgument])[] };

/** Arguments by their Java type, which JavaScript alone could not tell (an int from a long, say). */
export const jmx = {
  null: null,
  string: (value: string): JmxArgument => value,
  /** `boolean` and `java.lang.Boolean`. */
  boolean: (value: boolean): JmxArgument => value,
  /** `int` and `java.lang.Integer`. */
  int: (value: number): JmxArgument => ({ type: "int", value }),
  /** `long` and `java.lang.Long`. */
  long: (value: bigint): JmxArgument => ({ type: "long", value }),
  /** `double` and `java.lang.Double`. */
  double: (value: number): JmxArgument => ({ type: "double", value }),
  /** `String[]` and `String...`. */
  stringArray: (values: Iterable<string>): JmxArgument => ({ type: "stringArray", values: [...values] }),
  /** A HashSet. */
  stringSet: (values: Iterable<string>): JmxArgument => ({ type: "set", items: [...new Set(values)] }),
  /** A HashMap. */
  stringMap: (entries: Iterable<readonly [string, string]> | Readonly<Record<string, string>>): JmxArgument => ({
    type: "map",
    entries: [...new Map(Symbol.iterator in entries ? entries : Object.entries(entries))],
  }),
  /** An ArrayList. */
  list: (items: Iterable<JmxArgument>): JmxArgument => ({ type: "list", items: [...items] }),
} as const;
