/**
 * The content of an object stream before its classes are interpreted: objects keep their fields and their extra data per
 * class of their chain. References are shared and may form cycles.
 */
export type RawValue =
  | null
  | boolean
  | number
  | bigint
  /** A java.lang.String, or a `char`. */
  | string
  | RawObject
  | RawArray
  | RawBytes
  | RawEnum
  | RawClass
  | ClassDescriptor;

export interface ClassDescriptor {
  readonly kind: "descriptor";
  readonly name: string;
  /** Empty unless it is a dynamic proxy. */
  readonly interfaces: readonly string[];
  flags: number;
  fields: readonly FieldDescriptor[];
  superclass: ClassDescriptor | null;
  /** Classes in the chain, itself included; 0 while its description is still being read. */
  chainLength: number;
}

export interface FieldDescriptor {
  /** B C D F I J S Z, or L and [ for references. */
  readonly type: string;
  readonly name: string;
}

/** The part of an object that one class of its chain wrote. */
export interface ClassData {
  readonly className: string;
  readonly fields: ReadonlyMap<string, RawValue>;
  /** Data that the class's writeObject added: raw bytes (blocks joined) and objects, in order. */
  readonly annotation: readonly AnnotationItem[];
}

export type AnnotationItem = Buffer | RawValue;

export interface RawObject {
  readonly kind: "object";
  readonly descriptor: ClassDescriptor;
  /** From the topmost serializable class down. */
  readonly data: ClassData[];
}

export interface RawArray {
  readonly kind: "array";
  /** As in the class name: "I", "Ljava.lang.String;", "[J". */
  readonly componentType: string;
  readonly values: RawValue[];
}

export interface RawBytes {
  readonly kind: "bytes";
  bytes: Buffer;
}

export interface RawEnum {
  readonly kind: "enum";
  readonly className: string;
  constant: string;
}

export interface RawClass {
  readonly kind: "class";
  readonly className: string;
}

/** The names of an object's class and of its serializable superclasses, itself first. */
export function classNames(descriptor: ClassDescriptor): string[] {
  const names: string[] = [];
  for (let at: ClassDescriptor | null = descriptor; at !== null; at = at.superclass) names.push(at.name);
  return names;
}

/** The object's part that the named class wrote. */
export function partOf(object: RawObject, className: string): ClassData | undefined {
  return object.data.find((part) => part.className === className);
}

export function isRawObject(value: RawValue | undefined): value is RawObject {
  return typeof value === "object" && value !== null && value.kind === "object";
}

/** The objects of an annotation, without the raw bytes between them. */
export function annotationObjects(part: ClassData): RawValue[] {
  const objects: RawValue[] = [];
  for (const item of part.annotation) if (!Buffer.isBuffer(item)) objects.push(item);
  return objects;
}
