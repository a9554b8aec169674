import { describe, expect, it } from "vitest";
import { AppError } from "../errors.ts";
import { createOutput } from "./output.ts";
import type { Every } from "./progress.ts";
import { renderTable } from "./table.ts";

const erase = "\r\u001b[K";

/** What a terminal would show at last, erased lines gone. */
function shown(text: string): string {
  return text
    .split("\n")
    .map((line) => line.split(erase).at(-1))
    .join("\n");
}

function harness(options: { terminal?: boolean; colors?: boolean; json?: boolean; quiet?: boolean; debug?: boolean }) {
  const { terminal = false, colors = false, json = false, quiet = false, debug = false } = options;
  const written = { out: "", err: "" };
  const timers = new Map<() => void, number>();
  let now = 0;
  const sink = (name: "out" | "err") => ({
    isTerminal: terminal,
    colors,
    columns: 80,
    write: (text: string) => {
      written[name] += text;
    },
  });
  const every: Every = (ms, callback) => {
    timers.set(callback, ms);
    return () => timers.delete(callback);
  };
  const parts = { stdout: sink("out"), stderr: sink("err"), clock: { monotonic: () => now }, every };
  const tick = (ms: number) => {
    now += ms;
    for (const callback of timers.keys()) callback();
  };
  return { written, timers, tick, output: createOutput(parts, { json, quiet, debug }) };
}

const failure = new AppError("busy", "another backup is running", {
  hint: "wait for it",
  cause: new Error("lock held"),
});

describe("output", () => {
  it("keeps results and everything else apart", () => {
    const { output, written } = harness({});
    output.result({ type: "x" }, "the result");
    output.result({ type: "x" }, () => "worked out\n");
    output.result({ type: "x" }, undefined);
    output.note("a note");
    output.warn("a warning");
    output.log.info("an info");
    output.log.debug("a detail");
    output.failure(failure);
    expect(written.out).toBe("the result\nworked out\n");
    expect(written.err).toBe(
      "a note\nwarning: a warning\nan info\nesop: another backup is running\nhint: wait for it\n",
    );
  });

  it("writes only JSON lines to standard output when asked, the failure included", () => {
    const { output, written } = harness({ json: true });
    output.result({ type: "backup", name: "line\nbreak" }, () => {
      throw new Error("the text is not wanted");
    });
    output.failure(failure);
    output.failure(new AppError("internal", "oops"));
    expect(
      written.out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { type: "backup", name: "line\nbreak" },
      { type: "error", code: "busy", exit: 14, message: "another backup is running", hint: "wait for it" },
      { type: "error", code: "internal", exit: 1, message: "oops" },
    ]);
    expect(written.err).toBe("");
  });

  it("is quiet but for results, warnings and failures when asked", () => {
    const { output, written, timers } = harness({ quiet: true, terminal: true });
    output.note("a note");
    output.log.info("an info");
    output.progress.start({ label: "uploading", totalBytes: 1, totalFiles: 1 });
    output.warn("a warning");
    output.failure(failure);
    expect(timers.size).toBe(0);
    expect(written.err).toBe("warning: a warning\nesop: another backup is running\nhint: wait for it\n");
  });

  it("says details and origins only with debug", () => {
    const { output, written } = harness({ debug: true });
    output.log.debug("a detail");
    output.failure(failure);
    expect(written.err).toContain("debug: a detail\n");
    expect(written.err).toMatch(/AppError: another backup is running\n {4}at /);
    expect(written.err).toMatch(/caused by: Error: lock held\n {4}at /);
  });

  it("paints only where colours are wanted", () => {
    const { output, written } = harness({ colors: true });
    output.failure(failure);
    expect(written.err).toContain("\u001b[31mesop:\u001b[39m another");
  });
});

describe("progress", () => {
  const plan = { label: "uploading", totalBytes: 10 * 1024 * 1024, totalFiles: 4 };

  it("is a line that is replaced on a terminal, at most ten times a second, and gone at the end", () => {
    const { output, written, timers, tick } = harness({ terminal: true });
    output.progress.start(plan);
    output.progress.add(5 * 1024 * 1024);
    expect(written.err).toBe("");
    expect([...timers.values()]).toEqual([100]);
    tick(1000);
    expect(shown(written.err)).toBe("uploading  [#####.....] 50%  5.00 MiB of 10.0 MiB  5.00 MiB/s  1.0 s left");
    output.result({ type: "x" }, "a result");
    output.note("a note");
    expect(written.out).toBe("a result\n");
    expect(shown(written.err)).toMatch(/^a note\nuploading/);
    output.progress.add(50 * 1024 * 1024);
    tick(1000);
    expect(shown(written.err)).toContain("100%");
    output.progress.done();
    expect(shown(written.err)).toBe("a note\n");
    expect(timers.size).toBe(0);
  });

  it("never fills the terminal's last column", () => {
    const { output, written, tick } = harness({ terminal: true });
    output.progress.start({ ...plan, label: "x".repeat(200) });
    tick(100);
    expect(shown(written.err)).toBe("x".repeat(79));
  });

  it("is a quiet line every half minute elsewhere", () => {
    const { output, written, timers, tick } = harness({});
    output.progress.start(plan);
    output.progress.add(1024 * 1024);
    output.progress.fileDone();
    expect([...timers.values()]).toEqual([30_000]);
    tick(30_000);
    output.progress.done();
    expect(written.err).toBe("uploading: 10%, 1.00 MiB of 10.0 MiB, 1 of 4 files, 34.1 KiB/s, 4 min 30 s left\n");
  });

  it("counts files when there are no bytes, and allows a transfer to begin again", () => {
    const { output, written, tick } = harness({});
    output.progress.start({ label: "refreshing", totalBytes: 0, totalFiles: 2 });
    output.progress.fileDone();
    tick(30_000);
    output.progress.start(plan);
    output.progress.add(1000);
    output.progress.add(-2000);
    tick(30_000);
    expect(written.err).toBe(
      "refreshing: 50%, 0 B of 0 B, 1 of 2 files\nuploading: 0%, 0 B of 10.0 MiB, 0 of 4 files\n",
    );
  });

  it("forgets old speeds", () => {
    const { output, written, tick } = harness({});
    output.progress.start({ ...plan, totalBytes: 1024 ** 3 });
    output.progress.add(900 * 1024 * 1024);
    for (let index = 0; index < 3; index += 1) {
      tick(30_000);
      output.progress.add(30 * 1024);
    }
    tick(30_000);
    expect(written.err.trimEnd().split("\n").at(-1)).toContain("1.00 KiB/s");
  });
});

describe("renderTable", () => {
  it("aligns columns without trailing blanks", () => {
    const columns = [{ title: "name" }, { title: "size", align: "right" as const }, { title: "note" }];
    expect(
      renderTable(columns, [
        ["a", "1", "x"],
        ["longer", "12345", ""],
      ]),
    ).toBe(["name     size  note", "a           1  x", "longer  12345"].join("\n"));
  });

  it("shows the titles alone when there is nothing", () => {
    expect(renderTable([{ title: "a" }, { title: "b" }], [])).toBe("a  b");
  });
});
