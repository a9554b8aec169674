import type { TestSpecification } from "vitest/node";
import { BaseSequencer } from "vitest/node";

/** Where time may run out, the most important files come first; those that are not named come last. */
const importance = [
  "integration/backup-restore",
  "integration/traps",
  "integration/demo",
  "integration/bad-input",
  "integration/docs",
  "integration/faults/full-disk",
  "integration/faults/lost-node",
  "integration/encrypt",
  "integration/s3.",
  "compat/",
  "integration/faults",
  "integration/check",
  "integration/schema",
];

export class ImportanceSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = importance.findIndex((name) => moduleId.includes(`/test/${name}`));
  return rank === -1 ? importance.length : rank;
}
