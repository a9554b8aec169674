import type { JmxValue } from "../values.ts";
import { annotationObjects, type ClassData, isRawObject, partOf, type RawObject, type RawValue } from "./graph.ts";

/**
 * The plain value of an instance of a well known class. Where a class keeps its content (a field, the extra data of its
 * writeObject, a serialization proxy) is knowledge of that class; one row of the table below each.
 */
export type Shape =
  | { readonly kind: "list"; readonly items: readonly RawValue[] }
  | { readonly kind: "map"; readonly keys: readonly RawValue[]; readonly values: readonly RawValue[] }
  | { readonly kind: "scalar"; readonly value: JmxValue }
  /** A view or proxy of another object. */
  | { readonly kind: "same"; readonly as: RawValue };

/** The shape of an object, by the first class of its chain that is known; undefined when none is. */
export function shapeOf(object: RawObject): Shape | undefined {
  for (let i = object.data.length - 1; i >= 0; i--) {
    const part = object.data[i];
    const shape = part === undefined ? undefined : rules.get(part.className)?.(part, object);
    if (shape !== undefined) return shape;
  }
  return undefined;
}

type Rule = (part: ClassData, object: RawObject) => Shape | undefined;

const listOf = (items: readonly RawValue[]): Shape => ({ kind: "list", items });
const scalar = (value: JmxValue): Shape => ({ kind: "scalar", value });

function mapOf(pairs: readonly RawValue[]): Shape {
  const keys: RawValue[] = [];
  const values: RawValue[] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    keys.push(pairs[i] ?? null);
    values.push(pairs[i + 1] ?? null);
  }
  return { kind: "map", keys, values };
}

const field = (part: ClassData, name: string): RawValue => part.fields.get(name) ?? null;
const listedInAnnotation: Rule = (part) => listOf(annotationObjects(part));
const mappedInAnnotation: Rule = (part) => mapOf(annotationObjects(part));

/** Pairs up to the null key that ends them. */
const mappedUntilNull: Rule = (part) => {
  const objects = annotationObjects(part);
  const end = objects.findIndex((object, i) => i % 2 === 0 && object === null);
  return mapOf(end < 0 ? objects : objects.slice(0, end));
};

function sameAs(name: string): Rule {
  return (part) => (part.fields.has(name) ? { kind: "same", as: field(part, name) } : undefined);
}

function scalarField(name: string): Rule {
  return (part) => {
    const value = field(part, name);
    return value === null || typeof value !== "object" ? scalar(value) : undefined;
  };
}

/** The map behind a value, through wrappers; undefined when it is none. */
function mapBehind(value: RawValue): Extract<Shape, { kind: "map" }> | undefined {
  let at = value;
  for (let hops = 0; hops < 8 && isRawObject(at); hops++) {
    const shape = shapeOf(at);
    if (shape?.kind === "map") return shape;
    if (shape?.kind !== "same") return undefined;
    at = shape.as;
  }
  return undefined;
}

function keysOfMap(name: string): Rule {
  return (part) => {
    const map = mapBehind(field(part, name));
    return map === undefined ? undefined : listOf(map.keys);
  };
}

/** The elements of an array field. */
function arrayField(part: ClassData, name: string): readonly RawValue[] | undefined {
  const array = part.fields.get(name);
  return typeof array === "object" && array?.kind === "array" ? array.values : undefined;
}

const vector: Rule = (part) => {
  const items = arrayField(part, "elementData");
  return items === undefined ? undefined : listOf(items.slice(0, Number(field(part, "elementCount"))));
};

/** List.of, Set.of, Map.of: the low byte of `tag` says which. */
const immutableCollection: Rule = (part) => {
  const kind = Number(field(part, "tag")) & 0xff;
  return kind === 3 ? mapOf(annotationObjects(part)) : listOf(annotationObjects(part));
};

const keyAndValueArrays: Rule = (part) => {
  const keys = arrayField(part, "keys");
  const values = arrayField(part, "values");
  return keys === undefined || values === undefined ? undefined : { kind: "map", keys, values };
};

/** Rows only: the keys repeat values of their rows. */
const tabularData: Rule = (part) => {
  const rows = mapBehind(field(part, "dataMap"));
  return rows === undefined ? undefined : listOf(rows.values);
};

function epochMs(part: ClassData | undefined): number | undefined {
  const bytes = part?.annotation[0];
  return Buffer.isBuffer(bytes) && bytes.length >= 8 ? Number(bytes.readBigInt64BE(0)) : undefined;
}

const date: Rule = (part) => {
  const ms = epochMs(part);
  return ms === undefined ? undefined : scalar(new Date(ms));
};

/** Its superclass holds whole seconds only. */
const timestamp: Rule = (part, object) => {
  const ms = epochMs(partOf(object, "java.util.Date"));
  return ms === undefined ? undefined : scalar(new Date(ms + Math.trunc(Number(field(part, "nanos")) / 1e6)));
};

const uuid: Rule = (part) => {
  const half = (name: string) => {
    const bits = field(part, name);
    return typeof bits === "bigint" ? BigInt.asUintN(64, bits).toString(16).padStart(16, "0") : "0".repeat(16);
  };
  const hex = half("mostSigBits") + half("leastSigBits");
  return scalar(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"));
};

/** Beyond this many bytes of magnitude a number is not worth its conversion and stays a plain object. */
const maxMagnitude = 4096;

function bigInteger(part: ClassData): bigint | undefined {
  const magnitude = part.fields.get("magnitude");
  if (typeof magnitude !== "object" || magnitude?.kind !== "bytes" || magnitude.bytes.length > maxMagnitude)
    return undefined;
  const absolute = BigInt(`0x0${magnitude.bytes.toString("hex")}`);
  return field(part, "signum") === -1 ? -absolute : absolute;
}

const bigDecimal: Rule = (part) => {
  const unscaled = field(part, "intVal");
  const integer = isRawObject(unscaled) ? partOf(unscaled, "java.math.BigInteger") : undefined;
  const value = integer === undefined ? undefined : bigInteger(integer);
  const scale = Number(field(part, "scale"));
  if (value === undefined) return undefined;
  if (scale < 0 || scale > 1000) return scalar(`${value}E${-scale}`);
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  return scalar(`${value < 0n ? "-" : ""}${whole}${scale === 0 ? "" : `.${digits.slice(-scale)}`}`);
};

const ip4: Rule = (part) => {
  const bits = Number(field(part, "address")) >>> 0;
  return scalar([24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join("."));
};

const ip6: Rule = (part) => {
  const address = part.fields.get("ipaddress");
  if (typeof address !== "object" || address?.kind !== "bytes" || address.bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => address.bytes.readUInt16BE(i * 2).toString(16));
  return scalar(groups.join(":"));
};

const objectName: Rule = (part) => {
  const [name] = annotationObjects(part);
  return typeof name === "string" ? scalar(name) : undefined;
};

const collections = "java.util.Collections$";
const guava = "com.google.common.collect.";

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...["HashSet", "ArrayList", "LinkedList", "ArrayDeque"].map((name): [string, Rule] => [
    `java.util.${name}`,
    listedInAnnotation,
  ]),
  ["java.util.concurrent.CopyOnWriteArrayList", listedInAnnotation],
  ["java.util.concurrent.CopyOnWriteArraySet", sameAs("al")],
  // The comparator comes first.
  ["java.util.TreeSet", (part) => listOf(annotationObjects(part).slice(1))],
  ["java.util.Vector", vector],
  ["java.util.Arrays$ArrayList", sameAs("a")],
  ["java.util.CollSer", immutableCollection],
  ["java.util.EnumSet$SerializationProxy", sameAs("elements")],
  ...["HashMap", "TreeMap", "Hashtable", "EnumMap"].map((name): [string, Rule] => [
    `java.util.${name}`,
    mappedInAnnotation,
  ]),
  ["java.util.concurrent.ConcurrentHashMap", mappedUntilNull],
  ["java.util.concurrent.ConcurrentSkipListMap", mappedUntilNull],
  ["java.util.concurrent.ConcurrentHashMap$KeySetView", keysOfMap("map")],
  ["java.util.concurrent.ConcurrentHashMap$CollectionView", keysOfMap("map")],
  ...["Unmodifiable", "Synchronized", "Checked"].flatMap((kind): [string, Rule][] => [
    [`${collections}${kind}Collection`, sameAs("c")],
    [`${collections}${kind}Map`, sameAs("m")],
  ]),
  [`${collections}EmptyList`, () => listOf([])],
  [`${collections}EmptySet`, () => listOf([])],
  [`${collections}EmptyMap`, () => mapOf([])],
  [`${collections}SingletonList`, (part) => listOf([field(part, "element")])],
  [`${collections}SingletonSet`, (part) => listOf([field(part, "element")])],
  [`${collections}SingletonMap`, (part) => mapOf([field(part, "k"), field(part, "v")])],
  [`${collections}SetFromMap`, keysOfMap("m")],
  [`${guava}ImmutableList$SerializedForm`, sameAs("elements")],
  [`${guava}ImmutableSet$SerializedForm`, sameAs("elements")],
  [`${guava}ImmutableSortedSet$SerializedForm`, sameAs("elements")],
  [`${guava}ImmutableMap$SerializedForm`, keyAndValueArrays],
  ["java.lang.Integer", scalarField("value")],
  ["java.lang.Long", scalarField("value")],
  ["java.lang.Double", scalarField("value")],
  ["java.lang.Float", scalarField("value")],
  ["java.lang.Short", scalarField("value")],
  ["java.lang.Byte", scalarField("value")],
  ["java.lang.Boolean", scalarField("value")],
  ["java.lang.Character", scalarField("value")],
  ["java.util.concurrent.atomic.AtomicInteger", scalarField("value")],
  ["java.util.concurrent.atomic.AtomicLong", scalarField("value")],
  ["java.util.concurrent.atomic.AtomicBoolean", (part) => scalar(field(part, "value") !== 0)],
  ["java.math.BigInteger", (part) => optionalScalar(bigInteger(part))],
  ["java.math.BigDecimal", bigDecimal],
  ["java.util.Date", date],
  ["java.sql.Timestamp", timestamp],
  ["java.util.UUID", uuid],
  ["java.io.File", scalarField("path")],
  ["java.net.URI", scalarField("string")],
  ["java.net.InetAddress", ip4],
  ["java.net.Inet6Address", ip6],
  ["javax.management.ObjectName", objectName],
  ["javax.management.openmbean.CompositeDataSupport", sameAs("contents")],
  ["javax.management.openmbean.TabularDataSupport", tabularData],
]);

function optionalScalar(value: JmxValue | undefined): Shape | undefined {
  return value === undefined ? undefined : scalar(value);
}
