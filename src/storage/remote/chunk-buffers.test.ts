import { expect, test } from "vitest";
import { ChunkBuffers } from "./chunk-buffers.ts";

test("buffers are used again, and never by two at once", async () => {
  const buffers = new ChunkBuffers(1600);
  const first = await buffers.use(5000, async (buffer) => buffer);
  expect(first).toHaveLength(1600);
  await buffers.use(1600, async (again) => {
    expect(again).toBe(first);
    await buffers.use(1600, async (other) => expect(other).not.toBe(first));
  });
  await buffers.use(100, async (small) => expect(small).toHaveLength(100));
  await expect(buffers.use(1600, () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  const seen = new Set<Buffer>();
  await buffers.use(1600, async (one) => buffers.use(1600, async (other) => void seen.add(one).add(other)));
  expect(seen.has(first)).toBe(true);
});
