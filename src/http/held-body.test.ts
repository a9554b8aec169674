import { expect, test } from "vitest";
import { heldBody } from "./held-body.ts";

test("bytes that are held go out in frames, as often as they are asked for", async () => {
  const pieces = [Buffer.from("head"), Buffer.alloc(600_000, "x"), Buffer.alloc(0), Buffer.from("tail")];
  const { sizeBytes, frames } = heldBody(...pieces);
  expect(sizeBytes).toBe(600_008);
  for (let round = 0; round < 2; round++) {
    const seen: Uint8Array[] = [];
    for await (const frame of frames) seen.push(frame);
    expect(Math.max(...seen.map(({ length }) => length))).toBe(256 * 1024);
    expect(Buffer.concat(seen).equals(Buffer.concat(pieces))).toBe(true);
  }
  expect(heldBody().sizeBytes).toBe(0);
});
