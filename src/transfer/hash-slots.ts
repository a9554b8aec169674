/** What goes between the main thread and those that hash for it. */

/** Memory of both, in equal slots. */
export interface SharedSlots {
  readonly memory: SharedArrayBuffer;
  readonly slotBytes: number;
}

export function slotOf({ memory, slotBytes }: SharedSlots, slot: number): Uint8Array {
  return new Uint8Array(memory, slot * slotBytes, slotBytes);
}

/** To the thread: bytes of a stream, in order, and its end, with a digest or without. */
export type HashOrder =
  | { readonly kind: "bytes"; readonly stream: number; readonly slot: number; readonly sizeBytes: number }
  | { readonly kind: "end" | "leave"; readonly stream: number };

/** From the thread: a slot may be filled again, and what a stream has come to, in lower-case hex. */
export type HashAnswer =
  | { readonly kind: "free"; readonly slot: number }
  | { readonly kind: "digest"; readonly stream: number; readonly hash: string };
