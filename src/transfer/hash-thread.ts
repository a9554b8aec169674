/** The other side of hash-threads.ts: a thread that hashes what lies in the slots, in the order in which it is told. */
import { createHash, type Hash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { type HashAnswer, type HashOrder, type SharedSlots, slotOf } from "./hash-slots.ts";

const shared: SharedSlots = workerData;
const hashes = new Map<number, Hash>();

function obey(order: HashOrder): HashAnswer | undefined {
  const { stream } = order;
  const hash = hashes.get(stream) ?? createHash("sha256");
  if (order.kind === "bytes") {
    hashes.set(stream, hash.update(slotOf(shared, order.slot).subarray(0, order.sizeBytes)));
    return { kind: "free", slot: order.slot };
  }
  hashes.delete(stream);
  return order.kind === "end" ? { kind: "digest", stream, hash: hash.digest("hex") } : undefined;
}

parentPort?.on("message", (order: HashOrder) => {
  const answer = obey(order);
  if (answer !== undefined) parentPort?.postMessage(answer);
});
