/** Runs one of Cassandra's own offline tools on a stopped test node. */

import { commandLine } from "../../src/sandbox/command-line.ts";
import { nodeDirectories } from "../../src/sandbox/config.ts";
import { runProgram } from "../../src/sandbox/program.ts";
import { prepareCassandra } from "../../src/sandbox/sandbox.ts";
import type { Sandbox } from "../../src/sandbox/start.ts";
import { cacheDirectory } from "./cassandra.ts";
import { patient } from "./patience.ts";

/** `tool` is a class of org.apache.cassandra.tools. Throws with what the tool said when it fails. */
export async function runCassandraTool(sandbox: Sandbox, tool: string, parameters: readonly string[]): Promise<void> {
  const environment = process.env;
  const cassandra = await prepareCassandra(sandbox.version, cacheDirectory(), { environment });
  const { directory, jmxPort } = sandbox;
  const directories = nodeDirectories(directory, sandbox.dataDirectories.length);
  const daemon = commandLine({ cassandra, directory, directories, jmxPort, heapMiB: 256, extra: [] });
  const all = [...daemon.slice(0, -1), `org.apache.cassandra.tools.${tool}`, ...parameters];
  const { status, output } = await runProgram(cassandra.java, all, { environment, deadlineMs: patient(60_000) });
  if (status !== 0) throw new Error(`${tool} ended with ${status}: ${output}`);
}
