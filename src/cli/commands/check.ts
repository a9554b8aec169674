import { run } from "../../app/app.ts";
import type { CheckRequest } from "../../request/request.ts";
import type { Command } from "../command.ts";
import { describeFinding, throwIfFailed } from "../findings.ts";

export const checkCommand: Command<CheckRequest> = {
  async run(request, context) {
    const { output } = context;
    const findings = await run("check", request, {
      ...context,
      onFinding: (finding) =>
        output.result(
          { type: "check", ...finding },
          describeFinding(finding, { times: false, columns: output.columns }),
        ),
    });
    throwIfFailed(findings, "check");
  },
};
