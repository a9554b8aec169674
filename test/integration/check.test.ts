/** `esop check` on good and on bad set-ups: what it says, how it ends, and that it leaves nothing. */
import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { type CassandraNode, useCassandra } from "../harness/cassandra.ts";
import { type EsopRun, esop } from "../harness/esop.ts";
import { drain } from "../harness/storage-service.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

/** The verdict of each check, and the code of what failed. */
function verdicts({ stdout }: EsopRun): Record<string, string> {
  const lines = stdout.trim().split("\n");
  const findings = lines.map((line): Record<string, unknown> => ({ ...JSON.parse(line) }));
  const checks = findings.filter(({ type }) => type === "check");
  return Object.fromEntries(checks.map(({ check, verdict, code }) => [String(check), String(code ?? verdict)]));
}

const nodeChecks = ["JMX", "node", "JMX rights", "version", "state", "node's clock"] as const;
const placeChecks = ["data directories", "import directory", "free space"] as const;
const storeChecks = ["location", "bucket", "store", "store's clock"] as const;

function allOk(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, "ok"]));
}

describe("check", () => {
  let node: CassandraNode;
  let bucket: string;
  let jmx: readonly string[];

  beforeAll(async () => {
    node = await useCassandra({ version: "5.0" });
    bucket = join(await node.temporaryDirectory(), "bucket");
    await mkdir(bucket);
    jmx = ["--jmx-service", `127.0.0.1:${node.sandbox.jmxPort}`];
  });

  const check = (location: string, ...more: readonly string[]) =>
    esop(["check", "--json", "--storage-location", location, ...more]);
  const fullLocation = () => `file://${bucket}/c/dc1/node1`;

  it("finds nothing wrong with a good set-up, and leaves nothing", async () => {
    const beside = join(node.sandbox.dataDirectories[0] ?? "", "..");
    const before = await readdir(beside);
    const run = await check(fullLocation(), ...jmx);
    expect(verdicts(run)).toEqual(allOk(...nodeChecks, ...placeChecks, ...storeChecks));
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(await readdir(bucket)).toEqual([]);
    expect(await readdir(beside)).toEqual(before);
  });

  it("prints a line for each check, with a hint where something can be done", async () => {
    const run = await esop(["check", "--storage-location", `${fullLocation().replace("bucket", "none")}`, ...jmx]);
    expect(run.status).toBe(3);
    expect(run.stdout).toMatch(/^ok {4}JMX {15}connected to 127\.0\.0\.1:\d+$/m);
    expect(run.stdout).toMatch(
      /^FAIL {2}bucket {12}there is no directory .*\/none\n {6}hint: .*--create-missing-bucket$/m,
    );
    expect(run.stderr).toBe("esop: 1 of 11 checks failed: bucket\n");
    await expect(stat(bucket.replace(/bucket$/, "none"))).rejects.toThrow("ENOENT");
  });

  it("looks at the store though the node is down, and only at the store when told so", async () => {
    const down = await check(fullLocation(), "--jmx-service", "127.0.0.1:1");
    expect(verdicts(down)).toEqual({ JMX: "unreachable", ...allOk(...storeChecks) });
    expect(down.status).toBe(6);
    const skipped = await check(fullLocation(), "--skip-node");
    expect(verdicts(skipped)).toEqual(allOk(...storeChecks));
    expect(skipped.status).toBe(0);
  });

  it("knows the data directories of another node", async () => {
    await using other = await temporaryDirectory();
    const run = await check(fullLocation(), ...jmx, "--data-dir", other.path);
    expect(verdicts(run)).toEqual({
      ...allOk(...nodeChecks, ...storeChecks),
      "data directories": "usage",
    });
    expect(run.status).toBe(2);
    const missing = await check(fullLocation(), ...jmx, "--data-dir", join(other.path, "none"));
    expect(missing.status).toBe(3);
  });

  it("names a store that cannot be reached, and one that cannot be written", async () => {
    const nowhere = await check("azure://bucket/c/dc1/node1", "--skip-node");
    expect(verdicts(nowhere)["bucket"]).not.toBe("ok");
    expect(nowhere.status).not.toBe(0);
    const blocked = join(bucket, "blocked");
    await writeFile(blocked, "where the cluster's directory should be");
    const run = await check(`file://${bucket}/blocked/dc1/node1`, "--skip-node");
    expect(verdicts(run)).toMatchObject({ bucket: "ok", store: "unsupported" });
    expect(await readdir(bucket)).toEqual(["blocked"]);
  });

  it("warns of a location that carries another node's host ID", async () => {
    const run = await check(`file://${bucket}/c/dc1/00000000-0000-4000-8000-000000000000`, ...jmx);
    expect(verdicts(run)).toMatchObject({ location: "warn", store: "ok" });
    expect(run.status).toBe(0);
  });

  it("refuses an import directory that cannot be written, and warns of one on another file system", async () => {
    await using place = await temporaryDirectory();
    const file = join(place.path, "file");
    await writeFile(file, "");
    const impossible = await check(fullLocation(), ...jmx, "--import-source-dir", join(file, "below"));
    expect(verdicts(impossible)).toMatchObject({ "import directory": "io" });
    expect(impossible.status).toBe(12);
    const elsewhere = (await stat("/dev/shm").catch(() => undefined))?.dev;
    if (elsewhere === undefined || elsewhere === (await stat(place.path)).dev) return;
    const far = await check(fullLocation(), ...jmx, "--import-source-dir", "/dev/shm/esop-check");
    expect(verdicts(far)).toMatchObject({ "import directory": "warn" });
    expect(far.status).toBe(0);
  });

  describe("of a drained node", () => {
    afterAll(() => node.restart("KILL"));

    it("says that it is not NORMAL", async () => {
      await drain(node);
      const run = await check(fullLocation(), ...jmx);
      expect(verdicts(run)).toMatchObject({ state: "node-state", store: "ok" });
      expect(run.status).toBe(8);
    });
  });
});

test("a JMX login that may only read is told apart from one that may act", async () => {
  await using place = await temporaryDirectory();
  const [passwords, access] = [join(place.path, "passwords"), join(place.path, "access")];
  await writeFile(passwords, "reader secret1\nactor secret2\n");
  await chmod(passwords, 0o600);
  await writeFile(access, "reader readonly\nactor readwrite\n");
  const node = await useCassandra({
    version: "5.0",
    jvmArguments: [
      "--add-exports=java.management/com.sun.jmx.remote.security=ALL-UNNAMED",
      "-Dcom.sun.management.jmxremote.authenticate=true",
      `-Dcom.sun.management.jmxremote.password.file=${passwords}`,
      `-Dcom.sun.management.jmxremote.access.file=${access}`,
    ],
  });
  const check = (...login: readonly string[]) => {
    const service = `127.0.0.1:${node.sandbox.jmxPort}`;
    const location = `file://${place.path}/c/dc1/node1`;
    return esop(["check", "--json", "--storage-location", location, "--jmx-service", service, ...login]);
  };
  const reader = await check("--jmx-user", "reader", "--jmx-password", "secret1");
  expect(verdicts(reader)).toMatchObject({ JMX: "ok", node: "ok", "JMX rights": "unauthorized" });
  expect(reader.status).toBe(7);
  const credentials = join(place.path, "credentials");
  await writeFile(credentials, "username=actor\npassword=secret2\n");
  const actor = await check("--jmx-credentials", credentials);
  expect(verdicts(actor)).toMatchObject({ "JMX rights": "ok", state: "ok" });
  const nobody = await check();
  expect(verdicts(nobody)).toMatchObject({ JMX: "unauthorized" });
  await node.stop("KILL");
});
