import { defineConfig } from "vitest/config";

const minutes = 60_000;

/** The quick projects run side by side on all cores, before the one that needs the machine for itself. */
const quick = { maxWorkers: "100%", sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...quick,
          name: "unit",
          include: ["src/**/*.test.ts", "test/harness/**/*.test.ts", "test/architecture/**/*.test.ts"],
        },
      },
      {
        test: {
          ...quick,
          name: "contract",
          include: ["test/contract/**/*.test.ts"],
          testTimeout: 0.5 * minutes,
        },
      },
      {
        // Real nodes: one process runs all files one after the other, so that they can share a node (test/harness/
        // cassandra.ts) and no two ever run at once.
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts", "test/compat/**/*.test.ts"],
          globalSetup: ["test/harness/run-directory.ts"],
          pool: "forks",
          isolate: false,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: 2 * minutes,
          hookTimeout: 15 * minutes,
        },
      },
    ],
  },
});
