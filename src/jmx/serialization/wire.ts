/** Numbers of Java's object serialization stream protocol (version 2 header, JDK 1.2 and later). */

export const streamMagic = 0xaced;
export const streamVersion = 5;
export const firstHandle = 0x7e0000;

/** The byte every element of a stream begins with. */
export const tag = {
  null: 0x70,
  reference: 0x71,
  classDescriptor: 0x72,
  object: 0x73,
  string: 0x74,
  array: 0x75,
  class: 0x76,
  block: 0x77,
  endBlock: 0x78,
  reset: 0x79,
  longBlock: 0x7a,
  exception: 0x7b,
  longString: 0x7c,
  proxyDescriptor: 0x7d,
  enum: 0x7e,
} as const;

/** Bits of a class descriptor's flags. */
export const classFlag = {
  writeMethod: 0x01,
  serializable: 0x02,
  externalizable: 0x04,
  blockData: 0x08,
} as const;
