import { describe, expect, it } from "vitest";
import type { Finding } from "../preflight/preflight.ts";
import { describeFinding, throwIfFailed } from "./findings.ts";

const passed: Finding = { check: "small put", verdict: "ok", says: "wrote 61 B", tookMs: 12 };
const refused: Finding = {
  check: "list",
  verdict: "fail",
  says: "cannot list bucket s3://backups-of-the-whole-company: the store answered AccessDenied: access Denied",
  tookMs: 3,
  hint: "the credentials need the permission s3:ListBucket",
  code: "unauthorized",
  permissions: ["s3:ListBucket"],
};

describe("findings", () => {
  it("are a line each, with what can be done below it", () => {
    expect(describeFinding(passed, { times: false, columns: undefined })).toBe("ok    small put         wrote 61 B");
    expect(describeFinding(passed, { times: true, columns: 80 })).toBe("ok    small put          12 ms  wrote 61 B");
    expect(describeFinding(refused, { times: true, columns: undefined }).split("\n")).toHaveLength(2);
  });

  it("fit the terminal", () => {
    expect(describeFinding(refused, { times: true, columns: 80 }).split("\n")).toEqual([
      "FAIL  list                3 ms  cannot list bucket",
      "      s3://backups-of-the-whole-company: the store answered AccessDenied: access",
      "      Denied",
      "      hint: the credentials need the permission s3:ListBucket",
    ]);
  });

  const failing = (...findings: readonly Finding[]) => expect(() => throwIfFailed(findings, "step"));
  const get = { ...refused, check: "get", permissions: ["s3:GetObject", "s3:ListBucket"] };

  it("end with the first failure, and name every permission once", () => {
    failing(passed).not.toThrow();
    failing(passed, { ...refused, code: "storage" }, get).toThrow(
      expect.objectContaining({
        code: "storage",
        message: "2 of 3 steps failed: list, get",
        hint: "the credentials need the permissions s3:ListBucket and s3:GetObject",
      }),
    );
  });

  it("name no permission where the credentials themselves are refused", () => {
    const { permissions: _, ...unknown } = { ...get, hint: "check the access key" };
    failing(refused, unknown).toThrow(expect.objectContaining({ hint: "check the access key" }));
  });
});
