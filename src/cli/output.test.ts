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

interface Situation {
  readonly terminal?: boolean;
  readonly journal?: boolean;
  readonly colors?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
  readonly logFormat?: "text" | "json";
}

function harness(situation: Situation) {
  const { terminal = false, journal = false, colors = false, ...settings } = situation;
  const { json = false, quiet = false, debug = false, logFormat = "text" } = settings;
  const written = { out: "", err: "" };
  const timers = new Map<() => void, number>();
  let now = 0;
  const sink = (name: "out" | "err") => ({
    isTerminal: terminal,
    isJournal: journal,
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
  const parts = { stdout: sink("out"), stderr: sink("err"), clock: { monotonic: () => now, now: () => now }, every };
  const tick = (ms: number) => {
    now += ms;
    for (const callback of timers.keys()) callback();
  };
  return { written, timers, tick, output: createOutput(parts, { json, quiet, debug, logFormat }) };
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
      "1970-01-01T00:00:00Z info: a note\n1970-01-01T00:00:00Z warning: a warning\n1970-01-01T00:00:00Z info: an info\n" +
        "esop: another backup is running\nhint: wait for it\n",
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

  it("is short on a terminal", () => {
    const { output, written } = harness({ terminal: true, debug: true });
    output.note("a note");
    output.warn("a warning");
    output.log.debug("a detail");
    expect(written.err).toBe("a note\nwarning: a warning\ndebug: a detail\n");
  });

  it("gives each line its priority in the journal", () => {
    const { output, written } = harness({ journal: true, debug: true });
    output.note("a note");
    output.warn("a warning");
    output.log.debug("a detail");
    output.failure(new AppError("busy", "another backup is running", { hint: "wait for it" }));
    expect(written.err).toMatch(
      /^<6>a note\n<4>warning: a warning\n<7>debug: a detail\n<3>esop: another backup is running\n<3>hint: wait for it\n(<7>.*\n)+$/,
    );
  });

  it.each([{ terminal: true }, { journal: true }, {}])(
    "is JSON with time, level and message when asked: %j",
    (where) => {
      const { output, written, tick } = harness({ ...where, logFormat: "json" });
      output.note("a note");
      output.progress.start({ label: "uploading", totalBytes: 10, totalFiles: 1 });
      tick(30_000);
      output.progress.done();
      output.warn("a\u001b[31m\nwarning");
      output.interrupted("SIGTERM: shutting down");
      output.result({ type: "x" }, "the result");
      output.failure(failure);
      const time = "1970-01-01T00:00:30.000Z";
      const lines = written.err.trimEnd().split("\n");
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        { time: "1970-01-01T00:00:00.000Z", level: "info", message: "a note" },
        { time, level: "info", message: "uploading: 0%, 0 B of 10 B, 0 of 1 files" },
        { time, level: "warning", message: "a\u001b[31m\nwarning" },
        { time, level: "warning", message: "SIGTERM: shutting down" },
        { time, level: "error", message: "another backup is running", code: "busy", exit: 14, hint: "wait for it" },
      ]);
      expect(written.out).toBe("the result\n");
    },
  );

  it.each([{ terminal: true }, { journal: true }, {}, { json: true }, { logFormat: "json" as const }])(
    "never writes control characters of others: %j",
    (where) => {
      const { output, written, tick } = harness({ ...where, debug: true });
      const evil = "\u001b]0;owned\u0007\u009b31m\rx\u202e";
      output.result({ type: "x", name: evil }, `result ${evil}`);
      output.note(`${evil}\nesop: forged`);
      output.warn(evil);
      output.log.debug(evil);
      output.progress.start({ label: evil, totalBytes: 1, totalFiles: 1 });
      tick(30_000);
      output.progress.done();
      output.failure(new AppError("storage", evil, { hint: evil, cause: new Error(evil) }));
      const ours = (written.out + written.err).replaceAll(erase, "").replaceAll("\n", "");
      expect(ours).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(written.err).not.toMatch(/^esop: forged/m);
    },
  );

  it("writes exact content as it is where no terminal reads it", () => {
    for (const terminal of [false, true]) {
      const { output, written } = harness({ terminal });
      output.result({ type: "schema" }, "-- \u00ad", "exact");
      expect(written.out).toBe(terminal ? "-- \\xad\n" : "-- \u00ad\n");
    }
  });

  it("paints only where colours are wanted", () => {
    const { output, written } = harness({ terminal: true, colors: true });
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
    expect(written.err).toBe(
      "1970-01-01T00:00:30Z info: uploading: 10%, 1.00 MiB of 10.0 MiB, 1 of 4 files, 34.1 KiB/s, 4 min 30 s left\n",
    );
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
      "1970-01-01T00:00:30Z info: refreshing: 50%, 0 B of 0 B, 1 of 2 files\n" +
        "1970-01-01T00:01:00Z info: uploading: 0%, 0 B of 10.0 MiB, 0 of 4 files\n",
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
