import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const main = join(import.meta.dirname, "esop.ts");
const environment = {};

function start(...argv: string[]) {
  return spawn(process.execPath, [main, ...argv], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
}

async function outcome(child: ReturnType<typeof start>) {
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { out, err, status };
}

describe("the process", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "esop-main-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it("prints its version in both ways alike", async () => {
    const [fast, slow] = await Promise.all([outcome(start("-V")), outcome(start("version", "--debug"))]);
    expect(fast).toEqual({ out: expect.stringMatching(/^esop \d+\.\d+\.\d+\n$/), err: "", status: 0 });
    expect(slow).toEqual(fast);
  });

  it("ends with the status of the failure", async () => {
    expect(await outcome(start("backup"))).toEqual({
      out: "",
      err: expect.stringMatching(/^esop: --storage-location is missing\nhint: /),
      status: 2,
    });
  });

  it("gives its lines priorities where standard error is the journal, and there only", async () => {
    const journal = join(directory, "journal");
    const told = async (stream: (file: { readonly dev: bigint; readonly ino: bigint }) => string) => {
      await using file = await open(journal, "w");
      const JOURNAL_STREAM = stream(await file.stat({ bigint: true }));
      const child = spawn(process.execPath, [main, "backup"], {
        env: { JOURNAL_STREAM },
        stdio: ["ignore", "ignore", file.fd],
      });
      expect(await once(child, "close")).toEqual([2, null]);
      return readFile(journal, "utf8");
    };
    expect(await told(({ dev, ino }) => `${dev}:${ino}`)).toMatch(/^<3>esop: .* is missing\n<3>hint: .*\n$/);
    expect(await told(({ dev, ino }) => `${dev}:${ino + 1n}`)).toMatch(/^esop: .* is missing\nhint: .*\n$/);
    expect(await told(() => "nonsense")).toMatch(/^esop: /);
  });

  it("never writes the control characters of an argument", async () => {
    const evil = "\u001b]0;owned\u0007";
    for (const more of [[], ["--json"], ["--log-format=json"]]) {
      const { out, err } = await outcome(start("backup", "--sl", `${evil}://b`, ...more));
      expect(out + err).toContain("owned");
      expect((out + err).replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    }
  });

  it("does not mind a reader that has gone away", async () => {
    const child = start("help", "restore");
    child.stdout.destroy();
    const [err, [status]] = await Promise.all([text(child.stderr), once(child, "close")]);
    expect([err, status]).toEqual(["", 0]);
  });

  it("says when its output cannot be written", async () => {
    const child = spawn("/bin/sh", ["-c", 'exec "$0" "$1" help >/dev/full', process.execPath, main], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect(await outcome(child)).toEqual({
      out: "",
      err: expect.stringContaining("cannot write to standard output: no space left"),
      status: 11,
    });
  });

  it("cancels on the first signal and ends on the second", async () => {
    const fifo = join(directory, "fifo");
    await promisify(execFile)("mkfifo", [fifo]);
    const child = start("list", "--sl", "s3://b", "--config-file", fifo);
    // Opening the writing end succeeds when the program has begun to read, and it waits there for as long as it is open.
    const writer = await open(fifo, "w");
    try {
      const told = once(child.stderr, "data");
      child.kill("SIGTERM");
      expect(String(await told)).toBe("\nesop: SIGTERM: shutting down; press Ctrl-C again to force quit\n");
      child.kill("SIGTERM");
      expect(await once(child, "exit")).toEqual([null, "SIGTERM"]);
    } finally {
      await writer.close();
    }
  });
});
