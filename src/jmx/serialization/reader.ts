import { AppError } from "../../errors.ts";
import type { ByteQueue } from "./byte-queue.ts";
import type {
  AnnotationItem,
  ClassData,
  ClassDescriptor,
  FieldDescriptor,
  RawArray,
  RawBytes,
  RawEnum,
  RawObject,
  RawValue,
} from "./graph.ts";
import { malformed } from "./malformed.ts";
import { decodeModifiedUtf8 } from "./modified-utf8.ts";
import { int, long, need, type Parse, u1, u2, utf } from "./parse.ts";
import { isPrimitive, primitiveValue, primitiveValues } from "./primitives.ts";
import { classFlag, firstHandle, streamMagic, streamVersion, tag } from "./wire.ts";

/** Objects within objects; Java itself overflows its stack not far above. */
const maxDepth = 500;
/** Of memory for one answer, by the estimates below: a few bytes on the wire can claim many, so bytes alone are no bound. */
const maxMemoryBytes = 64 * 1024 * 1024;
/**
 * What each part of a graph takes at most, the plain data that it is converted to included, beside its bytes on the wire,
 * which are bounded by themselves.
 */
const memoryBytes = {
  value: 32,
  object: 64,
  classData: 160,
  field: 96,
  descriptor: 160,
  text: 32,
  block: 128,
} as const;
/** Classes above one another; real chains have fewer than ten. */
const maxChainLength = 64;

/**
 * The other side gave up in the middle of writing a value (NotSerializableException as a rule) and sent the reason
 * instead. The socket is of no use afterwards.
 */
export class WriteAborted extends Error {
  readonly throwable: RawValue;

  constructor(throwable: RawValue) {
    super("the value was not written to its end");
    this.throwable = throwable;
  }
}

/**
 * Reads one object stream of a JRMP message into a raw graph. It creates nothing by a name it reads, allocates only for
 * bytes that have arrived, and refuses what a real stream cannot hold. Throws `protocol`, `unsupported` (a class whose
 * data cannot be delimited), or {@link WriteAborted}.
 */
export class ObjectStreamReader {
  readonly #input: ByteQueue;
  #handles: RawValue[] = [];
  #blockLeft = 0;
  #depth = 0;
  #memoryBytes = 0;

  constructor(input: ByteQueue) {
    this.#input = input;
  }

  *header(): Parse<void> {
    const magic = yield* u2(this.#input);
    const version = yield* u2(this.#input);
    if (magic !== streamMagic || version !== streamVersion) throw malformed("no object stream where one must be");
  }

  /** Bytes of the block data at this point; blocks that follow each other are one stream. */
  *blockBytes(count: number): Parse<Buffer> {
    const parts: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      while (this.#blockLeft === 0) this.#blockLeft = yield* this.#blockLength(yield* u1(this.#input));
      const part = Math.min(missing, this.#blockLeft);
      yield* need(this.#input, part);
      parts.push(this.#input.take(part));
      this.#blockLeft -= part;
      missing -= part;
    }
    return Buffer.concat(parts);
  }

  /** The next object, string, array or null of the stream. */
  *value(): Parse<RawValue> {
    if (this.#blockLeft > 0) throw malformed("raw bytes where an object must be");
    return yield* this.#content(yield* u1(this.#input));
  }

  *#blockLength(code: number): Parse<number> {
    const length = code === tag.block ? yield* u1(this.#input) : code === tag.longBlock ? yield* int(this.#input) : -1;
    if (length < 0) throw malformed(`no raw bytes where they must be, but a byte ${hex(code)}`);
    return length;
  }

  *#content(code: number): Parse<RawValue> {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw malformed(`objects nest deeper than ${maxDepth}`);
    this.#claim("value");
    const value = yield* this.#element(code);
    this.#depth -= 1;
    return value;
  }

  *#element(code: number): Parse<RawValue> {
    switch (code) {
      case tag.null:
        return null;
      case tag.reference:
        return yield* this.#reference();
      case tag.string:
        return this.#remember(yield* utf(this.#input));
      case tag.longString:
        return this.#remember(yield* this.#longString());
      case tag.object:
        return yield* this.#object();
      case tag.array:
        return yield* this.#array();
      case tag.enum:
        return yield* this.#enum();
      case tag.class: {
        const { name } = yield* this.#descriptor();
        return this.#remember({ kind: "class", className: name });
      }
      case tag.classDescriptor:
      case tag.proxyDescriptor:
        return yield* this.#newDescriptor(code);
      case tag.exception:
        return yield* this.#abortedWrite();
      case tag.reset:
        if (this.#depth > 1) throw malformed("a reset within an object");
        this.#handles = [];
        return yield* this.#element(yield* u1(this.#input));
      default:
        throw malformed(`unknown element ${hex(code)}`);
    }
  }

  /** Called before the memory is used. */
  #claim(part: keyof typeof memoryBytes, count = 1): void {
    this.#memoryBytes += count * memoryBytes[part];
    if (this.#memoryBytes > maxMemoryBytes) {
      throw malformed(`it takes more than ${maxMemoryBytes / 1024 ** 2} MiB of memory`);
    }
  }

  #remember<T extends RawValue>(value: T): T {
    this.#handles.push(value);
    return value;
  }

  *#reference(): Parse<RawValue> {
    const value = this.#handles[(yield* int(this.#input)) - firstHandle];
    if (value === undefined) throw malformed("a reference to an object that was not sent");
    return value;
  }

  *#longString(): Parse<string> {
    const length = yield* long(this.#input);
    if (length < 0n || length > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed("a string of an absurd length");
    yield* need(this.#input, Number(length));
    return decodeModifiedUtf8(this.#input.take(Number(length)));
  }

  *#abortedWrite(): Parse<never> {
    this.#handles = [];
    throw new WriteAborted(yield* this.#content(yield* u1(this.#input)));
  }

  // --- class descriptors

  /** The descriptor of something that must have one. */
  *#descriptor(): Parse<ClassDescriptor> {
    const descriptor = yield* this.#descriptorOrNull();
    if (descriptor === null) throw malformed("an object without a class");
    return descriptor;
  }

  *#descriptorOrNull(): Parse<ClassDescriptor | null> {
    const code = yield* u1(this.#input);
    if (code === tag.null) return null;
    if (code === tag.classDescriptor || code === tag.proxyDescriptor) return yield* this.#newDescriptor(code);
    if (code !== tag.reference) throw malformed(`no class where one must be, but a byte ${hex(code)}`);
    const value = yield* this.#reference();
    if (typeof value !== "object" || value?.kind !== "descriptor") throw malformed("a reference to a class is none");
    // An unfinished class could become its own superclass, and walks up the chain would not end.
    if (value.chainLength === 0) throw malformed(`class ${value.name} is used within its own description`);
    return value;
  }

  *#newDescriptor(code: number): Parse<ClassDescriptor> {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw malformed(`objects nest deeper than ${maxDepth}`);
    this.#claim("descriptor");
    const descriptor = code === tag.proxyDescriptor ? yield* this.#proxyHead() : yield* this.#classHead();
    yield* this.#annotation();
    descriptor.superclass = yield* this.#descriptorOrNull();
    descriptor.chainLength = 1 + (descriptor.superclass?.chainLength ?? 0);
    if (descriptor.chainLength > maxChainLength) throw malformed("a class with too many superclasses");
    this.#depth -= 1;
    return descriptor;
  }

  *#classHead(): Parse<ClassDescriptor> {
    const name = yield* utf(this.#input);
    yield* long(this.#input); // the serial version: nothing is instantiated, so nothing can mismatch
    const descriptor = this.#remember(newDescriptor(name, []));
    descriptor.flags = yield* u1(this.#input);
    const count = yield* u2(this.#input);
    const fields: FieldDescriptor[] = [];
    for (let i = 0; i < count; i++) {
      this.#claim("field");
      const type = String.fromCharCode(yield* u1(this.#input));
      const fieldName = yield* utf(this.#input);
      if (type === "L" || type === "[") yield* this.value();
      else if (!isPrimitive(type)) throw malformed(`a field of unknown type '${type}'`);
      fields.push({ type, name: fieldName });
    }
    descriptor.fields = fields;
    return descriptor;
  }

  *#proxyHead(): Parse<ClassDescriptor> {
    const interfaces: string[] = [];
    const descriptor = this.#remember(newDescriptor("<proxy>", interfaces));
    descriptor.flags = classFlag.serializable;
    const count = yield* int(this.#input);
    if (count < 0) throw malformed("a proxy with a negative number of interfaces");
    for (let i = 0; i < count; i++) {
      this.#claim("text");
      interfaces.push(yield* utf(this.#input));
    }
    return descriptor;
  }

  // --- objects

  *#object(): Parse<RawObject> {
    const descriptor = yield* this.#descriptor();
    this.#claim("object");
    const object: RawObject = this.#remember({ kind: "object", descriptor, data: [] });
    const chain: ClassDescriptor[] = [];
    for (let at: ClassDescriptor | null = descriptor; at !== null; at = at.superclass) chain.push(at);
    for (const part of chain.reverse()) {
      if ((part.flags & classFlag.externalizable) !== 0) object.data.push(yield* this.#externalizable(part));
      else if ((part.flags & classFlag.serializable) !== 0) object.data.push(yield* this.#classData(part));
    }
    return object;
  }

  *#classData(part: ClassDescriptor): Parse<ClassData> {
    this.#claim("classData");
    this.#claim("field", part.fields.length);
    const fields = new Map<string, RawValue>();
    for (const { type, name } of part.fields) {
      fields.set(name, isPrimitive(type) ? yield* primitiveValue(this.#input, type) : yield* this.value());
    }
    const hasAnnotation = (part.flags & classFlag.writeMethod) !== 0;
    return { className: part.name, fields, annotation: hasAnnotation ? yield* this.#annotation() : [] };
  }

  *#externalizable(part: ClassDescriptor): Parse<ClassData> {
    if ((part.flags & classFlag.blockData) === 0) {
      throw new AppError("unsupported", `jmx answered with a ${part.name}, which cannot be read without Java`);
    }
    this.#claim("classData");
    return { className: part.name, fields: new Map(), annotation: yield* this.#annotation() };
  }

  /** Blocks and objects up to the end mark; blocks are cut at any length, so neighbours are joined. */
  *#annotation(): Parse<AnnotationItem[]> {
    const items: AnnotationItem[] = [];
    let blocks: Buffer[] = [];
    const endOfBlocks = () => {
      if (blocks.length > 0) items.push(Buffer.concat(blocks));
      blocks = [];
    };
    for (;;) {
      const code = yield* u1(this.#input);
      if (code === tag.block || code === tag.longBlock) {
        const length = yield* this.#blockLength(code);
        this.#claim("block");
        yield* need(this.#input, length);
        blocks.push(this.#input.take(length));
        continue;
      }
      endOfBlocks();
      if (code === tag.endBlock) return items;
      items.push(yield* this.#content(code));
    }
  }

  *#array(): Parse<RawArray | RawBytes> {
    const { name } = yield* this.#descriptor();
    const componentType = name.slice(1);
    if (!name.startsWith("[") || componentType === "") throw malformed(`an array of class ${name}`);
    if (componentType === "B") return yield* this.#byteArray();
    this.#claim("object");
    const array: RawArray = this.#remember({ kind: "array", componentType, values: [] });
    const length = yield* this.#arrayLength();
    if (isPrimitive(componentType)) {
      this.#claim("value", length);
      yield* primitiveValues(this.#input, componentType, length, array.values);
    } else {
      for (let i = 0; i < length; i++) array.values.push(yield* this.value());
    }
    return array;
  }

  *#byteArray(): Parse<RawBytes> {
    this.#claim("block");
    const array: RawBytes = this.#remember({ kind: "bytes", bytes: Buffer.alloc(0) });
    const length = yield* this.#arrayLength();
    yield* need(this.#input, length);
    array.bytes = Buffer.from(this.#input.take(length));
    return array;
  }

  *#arrayLength(): Parse<number> {
    const length = yield* int(this.#input);
    if (length < 0) throw malformed("an array of negative length");
    return length;
  }

  *#enum(): Parse<RawEnum> {
    const { name } = yield* this.#descriptor();
    this.#claim("object");
    const value: RawEnum = this.#remember({ kind: "enum", className: name, constant: "" });
    const constant = yield* this.value();
    if (typeof constant !== "string") throw malformed(`a constant of ${name} without a name`);
    value.constant = constant;
    return value;
  }
}

function newDescriptor(name: string, interfaces: readonly string[]): ClassDescriptor {
  return { kind: "descriptor", name, interfaces, flags: 0, fields: [], superclass: null, chainLength: 0 };
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")}`;
}
