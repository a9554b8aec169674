import { type Command, programCommand } from "../cli/cli.ts";
import { formatDuration } from "../units.ts";
import { type DemoRequest, demoVerb } from "./request.ts";
import { type DemoReport, type DemoStep, type KeptDemo, runDemo } from "./run.ts";

const demoCommand: Command<DemoRequest> = {
  async run(request, context) {
    const { output } = context;
    let number = 0;
    const report = await runDemo(request, {
      ...context,
      onStep: (step) => {
        number += 1;
        output.result({ type: "demo-step", ...step }, describeStep(number, step));
      },
    });
    output.result({ type: "demo", ...report }, () => describe(report));
  },
};

export const demo = programCommand(demoVerb, async () => demoCommand);

const titleWidth = 64;

function describeStep(number: number, { title, durationMs, command, details }: DemoStep): string {
  const head = `${String(number).padStart(2)}  ${title.padEnd(titleWidth)}${formatDuration(durationMs).padStart(8)}`;
  const shown =
    command === undefined ? [] : command.split("\n").map((line, index) => `${index === 0 ? "$ " : "  "}${line}`);
  return [head, ...[...shown, ...details].map((line) => `    ${line}`), "", ""].join("\n");
}

function describe({ version, rows, tables, durationMs, kept }: DemoReport): string {
  const sentence = `restored all ${rows} rows of ${tables} tables on Cassandra ${version} in ${formatDuration(durationMs)}`;
  if (kept === undefined) return `${sentence}\nthe node is stopped and all files of the demo are deleted`;
  return `${sentence}\n${describeKept(kept)}`;
}

function describeKept({ pid, address, cqlPort, jmxPort, directory, next }: KeptDemo): string {
  return [
    `the node is running: process ${pid}, CQL on ${address}:${cqlPort}, JMX on 127.0.0.1:${jmxPort}, directory ${directory}`,
    ...next.flatMap(({ says, command }) => ["", `# ${says}`, command]),
  ].join("\n");
}
