import { run } from "../../app/app.ts";
import type { ValidateStorageRequest } from "../../request/request.ts";
import { formatDuration } from "../../units.ts";
import type { Command } from "../command.ts";
import { describeFinding, throwIfFailed } from "../findings.ts";

export const validateStorageCommand: Command<ValidateStorageRequest> = {
  async run(request, context) {
    const { clock, output } = context;
    const beganMs = clock.monotonic();
    const findings = await run("validate-storage", request, {
      ...context,
      onFinding: (finding) =>
        output.result({ type: "step", ...finding }, describeFinding(finding, { times: true, columns: output.columns })),
    });
    throwIfFailed(findings, "step");
    const tookMs = Math.round(clock.monotonic() - beganMs);
    output.result(
      { type: "validate-storage", steps: findings.length, tookMs },
      `all ${findings.length} steps passed in ${formatDuration(tookMs)}; all test objects are deleted`,
    );
  },
};
