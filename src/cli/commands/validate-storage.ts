import { openRequestedStorage } from "../../app/app.ts";
import { type Finding, validateStorage } from "../../preflight/preflight.ts";
import type { ValidateStorageRequest } from "../../request/request.ts";
import { formatDuration } from "../../units.ts";
import type { Command } from "../command.ts";
import { describeFinding, throwIfFailed } from "../findings.ts";

export const validateStorageCommand: Command<ValidateStorageRequest> = {
  async run(request, context) {
    const { clock, output, signal } = context;
    const beganMs = clock.monotonic();
    const describe = (finding: Finding) => describeFinding(finding, { times: true, columns: output.columns });
    const findings = await validateStorage(request, {
      clock,
      signal,
      openStorage: () => openRequestedStorage(request, context, false, { tidy: false }),
      onFinding: (finding) => output.result({ type: "step", ...finding }, describe(finding)),
    });
    throwIfFailed(findings, "step");
    const tookMs = Math.round(clock.monotonic() - beganMs);
    output.result(
      { type: "validate-storage", steps: findings.length, tookMs },
      `all ${findings.length} steps passed in ${formatDuration(tookMs)}; nothing is left`,
    );
  },
};
