/**
 * Prints the last line of a test run, "N passed, N failed[, N skipped]", and exits with 1 when something failed or no
 * test ran. Arguments: vitest's JSON report, vitest's exit status, checks passed and failed before.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

function readReport(path: string): z.infer<typeof reportSchema> {
  try {
    return reportSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // Vitest ended before it could report: its exit status says so.
    return { testResults: [] };
  }
}

const [path = "", status = "1", passedBefore = "0", failedBefore = "0"] = process.argv.slice(2);
const files = readReport(path).testResults;
const tests = files.flatMap((file) => file.assertionResults);
const testsPassed = tests.filter((test) => test.status === "passed").length;
const testsFailed = tests.filter((test) => test.status === "failed").length;
const skipped = tests.length - testsPassed - testsFailed;

// A file whose hooks or imports fail has no failed test of its own.
const brokenFiles = files.filter(
  (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
).length;

const passed = testsPassed + Number(passedBefore);
let failed = testsFailed + brokenFiles + Number(failedBefore);
if (testsFailed + brokenFiles === 0 && (status !== "0" || testsPassed === 0)) failed += 1;

process.exitCode = failed === 0 ? 0 : 1;
process.stdout.write(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`);
