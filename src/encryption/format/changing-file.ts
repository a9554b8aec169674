/**
 * Files that change while they are sent. One that is read again must be what it was: two plaintexts under one key and
 * nonce give each other away.
 */
import { AppError } from "../../errors.ts";

/** How much of a tag is kept. */
const rememberedBytes = 8;

/** Remembers the pieces of one object that have been emitted, by 8 bytes of the tag of each. */
export class EmittedPieces {
  readonly #objectKey: string;
  /** Zeros for a piece that was not read yet. */
  readonly #tags: Buffer;

  constructor(objectKey: string, pieces: number) {
    this.#objectKey = objectKey;
    this.#tags = Buffer.alloc(pieces * rememberedBytes);
  }

  /** Before a byte of the piece is given out. Throws `io` where it is another piece than it was. */
  check(index: number, wholeTag: Buffer): void {
    const tag = wholeTag.subarray(0, rememberedBytes);
    const before = this.#tags.subarray(index * rememberedBytes, (index + 1) * rememberedBytes);
    if (before.some((byte) => byte !== 0) && !before.equals(tag)) {
      throw new AppError("io", `the file behind ${this.#objectKey} changed while it was sent`, {
        hint: "something else writes to it; run the backup again",
      });
    }
    before.set(tag);
  }
}

export function otherSize(objectKey: string): AppError {
  return new AppError("corrupt", `the file behind ${objectKey} does not have the size it had`, {
    hint: "something else writes to it",
  });
}
