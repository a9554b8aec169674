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
  const oldKey = `the old key ${keepOld ? "remains" : "is no longer"} valid`;
  const lines =
    newKey === undefined
      ? []
      : [
          ...(rewrapped.length === 0 ? [] : [`${rewrapped.join(", ")}: re-encrypted with the new key; ${oldKey}`]),
          ...(unchanged.length === 0 ? [] : [`${unchanged.join(", ")}: already encrypted with the new key`]),
          "test a restore before you delete the old key",
        ];
  if (begun !== undefined) lines.push(`${begun}: new data key; the next backup uploads all files again`);
  return lines.join("\n");
}
