import type { RateLimit } from "../../src/concurrency/concurrency.ts";

/** As a `--bandwidth` that is never used up, and counts what is taken of it. */
export function countedBudget(): RateLimit & { readonly takenBytes: number } {
  const budget = {
    maxTakeBytes: Number.MAX_SAFE_INTEGER,
    takenBytes: 0,
    take: async (bytes: number) => {
      budget.takenBytes += bytes;
    },
  };
  return budget;
}
