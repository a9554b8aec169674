import { AppError } from "../errors.ts";
import { areCredentialsRefused, type Finding } from "../preflight/preflight.ts";
import { formatCount, formatDuration } from "../units.ts";
import { printableLine } from "./printable.ts";
import { wrap } from "./wrap.ts";

const verdictWidth = 6;
const nameWidth = 18;
const timeWidth = 6;
const verdicts: Readonly<Record<Finding["verdict"], string>> = { ok: "ok", warn: "warn", fail: "FAIL", skip: "skip" };

export interface FindingStyle {
  readonly times: boolean;
  /** Of the terminal; a finding is one line where there is none. */
  readonly columns: number | undefined;
}

/** For people; below it stands what they can do. */
export function describeFinding(finding: Finding, { times, columns }: FindingStyle): string {
  const { check, verdict, says, hint, tookMs } = finding;
  const time = times ? `${formatDuration(tookMs).padStart(timeWidth)}  ` : "";
  const line = verdicts[verdict].padEnd(verdictWidth) + check.padEnd(nameWidth) + time + printableLine(says);
  const texts = hint === undefined ? [line] : [line, `hint: ${printableLine(hint)}`];
  const rows = columns === undefined ? texts : texts.flatMap((text) => wrap(text, columns - verdictWidth));
  return rows.join(`\n${" ".repeat(verdictWidth)}`);
}

/** Throws the code of the first failure, if there is one, and names all permissions that are lacking. */
export function throwIfFailed(findings: readonly Finding[], noun: string): void {
  const failed = findings.filter(({ verdict }) => verdict === "fail");
  const [first] = failed;
  if (first?.code === undefined) return;
  const names = failed.map(({ check }) => check).join(", ");
  const hint = failed.find(areCredentialsRefused)?.hint ?? permissionsHint(failed);
  throw new AppError(first.code, `${failed.length} of ${formatCount(findings.length, noun)} failed: ${names}`, {
    hint,
  });
}

function permissionsHint(failed: readonly Finding[]): string | undefined {
  const permissions = [...new Set(failed.flatMap((finding) => finding.permissions ?? []))];
  if (permissions.length === 0) return undefined;
  const noun = permissions.length === 1 ? "permission" : "permissions";
  return `the credentials need the ${noun} ${permissions.join(", ").replace(/, (?=[^,]*$)/, " and ")}`;
}
