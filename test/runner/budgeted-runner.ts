/**
 * Runs tests until the time of the whole run is used up, and skips what is left: a slow machine runs fewer tests, the
 * most important ones, and says so. ESOP_TEST_DEADLINE is when no further test begins, in seconds since 1970.
 *
 * Files start servers while they are loaded, and vitest runs no hook of a suite that is skipped: such a suite is ended
 * here.
 */
import { type RunnerTask, type RunnerTestSuite, TestRunner } from "vitest";

const deadlineMs = Number(process.env["ESOP_TEST_DEADLINE"] ?? Number.POSITIVE_INFINITY) * 1000;

export default class BudgetedRunner extends TestRunner {
  override async onBeforeRunSuite(suite: RunnerTestSuite): Promise<void> {
    if (isOver()) skipAll(suite);
    await super.onBeforeRunSuite(suite);
    if (suite.mode === "skip" || suite.mode === "todo") await endLoaded(suite);
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

/** Where something was to be prepared, for the suite or for one around it, hooks end that: they are for suites that run. */
async function endLoaded(suite: RunnerTestSuite): Promise<void> {
  for (const task of suite.tasks) if (task.type === "suite") await endLoaded(task);
  if (isPrepared(suite)) return;
  for (const end of TestRunner.getSuiteHooks(suite).afterAll) await end(suite);
}

function isPrepared(suite: RunnerTestSuite): boolean {
  if (TestRunner.getSuiteHooks(suite).beforeAll.length > 0) return true;
  const around = suite.suite ?? (suite.file === suite ? undefined : suite.file);
  return around !== undefined && isPrepared(around);
}
