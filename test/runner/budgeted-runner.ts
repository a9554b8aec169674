/**
 * Runs tests until the time of the whole run is used up, and skips what is left: a slow machine runs fewer tests, the
 * most important ones, and says so. ESOP_TEST_DEADLINE is when no further test begins, in seconds since 1970.
 */
import { type RunnerTask, type RunnerTestSuite, TestRunner } from "vitest";

const deadlineMs = Number(process.env["ESOP_TEST_DEADLINE"] ?? Number.POSITIVE_INFINITY) * 1000;

export default class BudgetedRunner extends TestRunner {
  override async onBeforeRunSuite(suite: RunnerTestSuite): Promise<void> {
    if (isOver()) skipAll(suite);
    await super.onBeforeRunSuite(suite);
  }

  override async onBeforeRunTask(test: RunnerTask): Promise<void> {
    if (isOver()) test.mode = "skip";
    await super.onBeforeRunTask(test);
  }
}

function isOver(): boolean {
  return Date.now() > deadlineMs;
}

function skipAll(task: RunnerTask): void {
  task.mode = "skip";
  if (task.type === "suite") for (const child of task.tasks) skipAll(child);
}
