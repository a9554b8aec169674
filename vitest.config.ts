import { defineConfig } from "vitest/config";
import { patient } from "./test/harness/patience.ts";
import { ImportanceSequencer } from "./test/runner/importance-sequencer.ts";

const minutes = patient(60_000);

const runner = "./test/runner/budgeted-runner.ts";

/** The quick projects run side by side on all cores, before the one that needs the machine for itself. */
const quick = { runner, maxWorkers: "100%", sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    sequence: { sequencer: ImportanceSequencer },
    projects: [
      {
        test: {
          ...quick,
          name: "unit",
          include: ["src/**/*.test.ts", "test/harness/**/*.test.ts", "test/architecture/**/*.test.ts"],
          testTimeout: 0.25 * minutes,
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
          runner,
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
