import { check, type Finding } from "../../check/check.ts";
import { AppError } from "../../errors.ts";
import type { CheckRequest } from "../../request/request.ts";
import type { Command } from "../command.ts";
import { requestedKeys } from "../keys.ts";
import { openRequestedStorage } from "../open.ts";

export const checkCommand: Command<CheckRequest> = {
  async run(request, context) {
    const { clock, output, signal } = context;
    const keys = requestedKeys(request, context);
    const findings = await check(request, {
      clock,
      signal,
      keys,
      openStorage: () => openRequestedStorage(request, context, false),
      onFinding: (finding) => output.result({ type: "check", ...finding }, describe(finding)),
    }).finally(() => keys.close());
    const failed = findings.filter(({ verdict }) => verdict === "fail");
    const [first] = failed;
    if (first?.code === undefined) return;
    const others = failed.length === 1 ? "" : ` and ${failed.length - 1} more`;
    throw new AppError(first.code, `${first.check}${others} of ${findings.length} checks failed`);
  },
};

const verdictWidth = 6;
const nameWidth = 18;
const verdicts: Readonly<Record<Finding["verdict"], string>> = { ok: "ok", warn: "warn", fail: "FAIL" };

function describe({ check: name, verdict, says, hint }: Finding): string {
  const line = verdicts[verdict].padEnd(verdictWidth) + name.padEnd(nameWidth) + says;
  return hint === undefined ? line : `${line}\n${" ".repeat(verdictWidth)}hint: ${hint}`;
}
