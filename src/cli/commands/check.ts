import { openRequestedStorage, requestedKeys } from "../../app/app.ts";
import { check, type Finding } from "../../preflight/preflight.ts";
import type { CheckRequest } from "../../request/request.ts";
import type { Command } from "../command.ts";
import { describeFinding, throwIfFailed } from "../findings.ts";

export const checkCommand: Command<CheckRequest> = {
  async run(request, context) {
    const { clock, output, signal } = context;
    const keys = requestedKeys(request, context);
    const describe = (finding: Finding) => describeFinding(finding, { times: false, columns: output.columns });
    const findings = await check(request, {
      clock,
      signal,
      keys,
      openStorage: () => openRequestedStorage(request, context, false),
      onFinding: (finding) => output.result({ type: "check", ...finding }, describe(finding)),
    }).finally(() => keys.close());
    throwIfFailed(findings, "check");
  },
};
