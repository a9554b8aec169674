/** A line for each tool of the tests: where it is, or why it is not to be had. Tests that need that one are skipped. */
import { toolOrigins } from "../test/harness/tool-origins.ts";
import { findTool } from "../test/harness/tools.ts";

await Promise.all(
  Object.values(toolOrigins).map(async (origin) => {
    const begin = performance.now();
    const found = await findTool(origin);
    const seconds = Math.round((performance.now() - begin) / 1000);
    const said = typeof found === "string" ? `${found} (${seconds} s)` : `MISSING, ${found.reason}`;
    process.stdout.write(`tool ${origin.program}: ${said}\n`);
  }),
);
