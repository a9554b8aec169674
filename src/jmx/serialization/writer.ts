import { AppError } from "../../errors.ts";
import type { JmxArgument } from "../values.ts";
import { ByteBuilder } from "./byte-builder.ts";
import { javaClass, type WrittenClass } from "./java-classes.ts";
import { encodeModifiedUtf8 } from "./modified-utf8.ts";
import { firstHandle, streamMagic, streamVersion, tag } from "./wire.ts";

/** Values that can be written: the arguments of a caller, and the objects RMI wraps around them. */
export type WireValue =
  | JmxArgument
  | { readonly type: "objectName"; readonly name: string }
  | { readonly type: "attribute"; readonly name: string; readonly value: JmxArgument }
  | { readonly type: "objectArray"; readonly items: readonly JmxArgument[] }
  | { readonly type: "marshalled"; readonly value: WireValue };

/**
 * Whether class descriptors carry RMI's annotation (a codebase, here always null), as they must in a call, or none, as
 * within a MarshalledObject.
 */
export type DescriptorAnnotation = "codebase" | "none";

const maxBlockLength = 255;
/** Java overflows its stack when it reads objects that nest not much deeper. */
const maxDepth = 200;

/** Writes one object stream: raw bytes (for primitives) and objects, in any order, then {@link finish}. */
export class ObjectStreamWriter {
  readonly #out = new ByteBuilder();
  readonly #block = new ByteBuilder();
  readonly #annotation: DescriptorAnnotation;
  readonly #descriptors = new Map<WrittenClass, number>();
  #nextHandle = firstHandle;
  #depth = 0;

  constructor(annotation: DescriptorAnnotation) {
    this.#annotation = annotation;
    this.#out.u2(streamMagic).u2(streamVersion);
  }

  /** Appends primitives to the block data at this point. */
  raw(write: (block: ByteBuilder) => void): void {
    write(this.#block);
  }

  value(value: WireValue): void {
    this.#endBlock();
    if (value === null) this.#out.u1(tag.null);
    else if (typeof value === "string") this.#string(value);
    else if (typeof value === "boolean") this.#object(javaClass.boolean, () => this.#out.u1(value ? 1 : 0));
    else this.#typed(value);
  }

  finish(): Buffer {
    this.#endBlock();
    return this.#out.drain();
  }

  #endBlock(): void {
    if (this.#block.length === 0) return;
    const block = this.#block.drain();
    if (block.length <= maxBlockLength) this.#out.u1(tag.block).u1(block.length);
    else this.#out.u1(tag.longBlock).int(block.length);
    this.#out.bytes(block);
  }

  #typed(value: Exclude<WireValue, null | string | boolean>): void {
    switch (value.type) {
      case "int":
        requireInt(value.value);
        this.#object(javaClass.integer, () => this.#out.int(value.value));
        break;
      case "long":
        requireLong(value.value);
        this.#object(javaClass.long, () => this.#out.long(value.value));
        break;
      case "double":
        this.#object(javaClass.double, () => this.#out.double(value.value));
        break;
      case "stringArray":
        this.#array(javaClass.stringArray, value.values);
        break;
      case "objectArray":
        this.#array(javaClass.objectArray, value.items);
        break;
      case "list":
        this.#list(value.items);
        break;
      case "set":
        this.#set(value.items);
        break;
      case "map":
        this.#map(value.entries);
        break;
      case "objectName":
        this.#object(javaClass.objectName, () => this.#annotated([value.name]));
        break;
      case "attribute":
        this.#object(javaClass.attribute, () => {
          this.value(value.name);
          this.value(value.value);
        });
        break;
      case "marshalled":
        this.#marshalled(value.value);
        break;
      default:
        value satisfies never;
    }
  }

  #string(text: string): void {
    const bytes = encodeModifiedUtf8(text);
    this.#nextHandle += 1;
    if (bytes.length <= 0xffff) this.#out.u1(tag.string).u2(bytes.length);
    else this.#out.u1(tag.longString).long(BigInt(bytes.length));
    this.#out.bytes(bytes);
  }

  #object(type: WrittenClass, writeData: () => void): void {
    this.#out.u1(tag.object);
    this.#descriptor(type);
    this.#nextHandle += 1;
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new AppError("internal", `an argument nests deeper than ${maxDepth} objects`);
    writeData();
    this.#depth -= 1;
  }

  #array(type: WrittenClass, items: readonly WireValue[]): void {
    this.#out.u1(tag.array);
    this.#descriptor(type);
    this.#nextHandle += 1;
    this.#out.int(items.length);
    for (const item of items) this.value(item);
  }

  #byteArray(bytes: Buffer): void {
    this.#out.u1(tag.array);
    this.#descriptor(javaClass.byteArray);
    this.#nextHandle += 1;
    this.#out.int(bytes.length).bytes(bytes);
  }

  #list(items: readonly JmxArgument[]): void {
    this.#object(javaClass.arrayList, () => {
      this.#out.int(items.length);
      this.raw((block) => block.int(items.length));
      this.#annotated(items);
    });
  }

  #set(items: readonly JmxArgument[]): void {
    this.#object(javaClass.hashSet, () => {
      this.raw((block) => block.int(hashCapacity(items.length)).float(loadFactor).int(items.length));
      this.#annotated(items);
    });
  }

  #map(entries: readonly (readonly [JmxArgument, JmxArgument])[]): void {
    const capacity = hashCapacity(entries.length);
    this.#object(javaClass.hashMap, () => {
      this.#out.float(loadFactor).int(capacity * loadFactor);
      this.raw((block) => block.int(capacity).int(entries.length));
      this.#annotated(entries.flat());
    });
  }

  /** The objects that a class's writeObject adds, and the end mark. */
  #annotated(items: readonly WireValue[]): void {
    for (const item of items) this.value(item);
    this.#endBlock();
    this.#out.u1(tag.endBlock);
  }

  /** java.rmi.MarshalledObject: int hash, byte[] locations (always null), byte[] stream; 13 and null for null. */
  #marshalled(value: WireValue): void {
    let bytes: Buffer | null = null;
    if (value !== null) {
      const inner = new ObjectStreamWriter("none");
      inner.value(value);
      bytes = inner.finish();
    }
    this.#object(javaClass.marshalledObject, () => {
      this.#out.int(bytes === null ? 13 : marshalledHash(bytes)).u1(tag.null);
      if (bytes === null) this.#out.u1(tag.null);
      else this.#byteArray(bytes);
    });
  }

  #descriptor(type: WrittenClass | null): void {
    const handle = type === null ? undefined : this.#descriptors.get(type);
    if (type === null) {
      this.#out.u1(tag.null);
    } else if (handle !== undefined) {
      this.#out.u1(tag.reference).int(handle);
    } else {
      this.#newDescriptor(type);
    }
  }

  #newDescriptor(type: WrittenClass): void {
    this.#out.u1(tag.classDescriptor);
    this.#utf(type.name);
    this.#out.long(type.serialVersion);
    this.#descriptors.set(type, this.#nextHandle);
    this.#nextHandle += 1;
    this.#out.u1(type.flags).u2(type.fields.length);
    for (const [fieldType, name] of type.fields) {
      this.#out.u1(fieldType.charCodeAt(0));
      this.#utf(name);
      if (fieldType.startsWith("L") || fieldType.startsWith("[")) this.#string(fieldType);
    }
    if (this.#annotation === "codebase") this.#out.u1(tag.null);
    this.#out.u1(tag.endBlock);
    this.#descriptor(type.superclass);
  }

  #utf(text: string): void {
    const bytes = encodeModifiedUtf8(text);
    this.#out.u2(bytes.length).bytes(bytes);
  }
}

const loadFactor = 0.75;

/** The smallest table that holds `size` entries without growing: a power of two, 16 at least, as Java makes it. */
function hashCapacity(size: number): number {
  let capacity = 16;
  while (capacity * loadFactor < size) capacity *= 2;
  return capacity;
}

/** MarshalledObject's own hash over its bytes, which are signed in Java. */
function marshalledHash(bytes: Buffer): number {
  let hash = 0;
  for (const byte of bytes) hash = (Math.imul(hash, 31) + ((byte << 24) >> 24)) | 0;
  return hash;
}

function requireInt(value: number): void {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31) {
    throw new AppError("internal", `${value} does not fit a java int`);
  }
}

function requireLong(value: bigint): void {
  if (BigInt.asIntN(64, value) !== value) throw new AppError("internal", `${value} does not fit a java long`);
}
