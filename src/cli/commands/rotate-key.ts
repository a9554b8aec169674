import { type Reports, run } from "../../app/app.ts";
import type { RotateKeyRequest } from "../../request/request.ts";
import type { Command } from "../command.ts";

export const rotateKeyCommand: Command<RotateKeyRequest> = {
  async run(request, context) {
    const report = await run("rotate-key", request, context);
    context.output.result({ type: "rotate-key", ...report }, () => describe(report, request));
  },
};

function describe(
  { rewrapped, unchanged, begun }: Reports["rotate-key"],
  { newKey, keepOld }: RotateKeyRequest,
): string {
  const opens = keepOld ? "and the present one" : "and the former one no longer";
  const lines =
    newKey === undefined
      ? []
      : [
          ...(rewrapped.length === 0 ? [] : [`${rewrapped.join(", ")}: the new key opens it, ${opens}`]),
          ...(unchanged.length === 0 ? [] : [`${unchanged.join(", ")}: was so already`]),
          "try a restore before you throw the former key away",
        ];
  if (begun !== undefined) lines.push(`${begun} is the new data key: the next backup sends everything again`);
  return lines.join("\n");
}
