import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Holds the nodes and temporary directories of a test run, and goes with it. */
    runDirectory: string;
  }
}

/** Global setup of a project: makes the directory of the run. The runner, not a worker, removes it: it has the time. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "esop-integration-"));
  project.provide("runDirectory", directory);
  // A node that was just killed may still be seen to write.
  return () => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
