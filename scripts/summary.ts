/**
 * Prints the last line of a test run, "N passed, N failed[, N skipped]", and exits with 1 when something failed or no
 * test ran. Before it, where ESOP_TEST_DEADLINE has passed, the files of which no test ran. Arguments: vitest's JSON
 * report, vitest's exit status, checks passed and failed before.
 */
import { readFileSync } from "node:fs";

/** A field of a parsed JSON value; undefined where the value is no object or has no such field. */
function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}

function elements(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function readReport(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // Vitest ended before it could report: its exit status says so.
    return undefined;
  }
}

const [path = "", status = "1", passedBefore = "0", failedBefore = "0"] = process.argv.slice(2);
const files = elements(field(readReport(path), "testResults"));
const testsOf = (file: unknown) => elements(field(file, "assertionResults")).map((test) => field(test, "status"));
const tests = files.flatMap(testsOf);
const testsPassed = tests.filter((outcome) => outcome === "passed").length;
const testsFailed = tests.filter((outcome) => outcome === "failed").length;
const skipped = tests.length - testsPassed - testsFailed;

// A file whose hooks or imports fail has no failed test of its own.
const brokenFiles = files.filter(
  (file) => field(file, "status") === "failed" && !testsOf(file).includes("failed"),
).length;

const passed = testsPassed + Number(passedBefore);
let failed = testsFailed + brokenFiles + Number(failedBefore);
if (testsFailed + brokenFiles === 0 && (status !== "0" || testsPassed === 0)) failed += 1;

if (Date.now() > Number(process.env["ESOP_TEST_DEADLINE"] ?? Number.POSITIVE_INFINITY) * 1000) {
  for (const file of files) {
    const outcomes = testsOf(file);
    if (outcomes.some((outcome) => outcome === "passed" || outcome === "failed")) continue;
    process.stdout.write(`not run, the time is used up: ${String(field(file, "name"))} (${outcomes.length} tests)\n`);
  }
}

process.exitCode = failed === 0 ? 0 : 1;
process.stdout.write(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`);
