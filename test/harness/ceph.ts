/**
 * Ceph's radosgw on this machine: a monitor, a manager, one OSD in memory and the gateway, by hand and without
 * authentication among them. Its programs come with the packages radosgw, ceph-mon, ceph-osd, ceph-mgr and ceph-common
 * (apt-get install --no-install-recommends), which no test installs. Tried with 16.2.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ObjectStore, testKeys, type Unavailable } from "./object-stores.ts";
import { patient } from "./patience.ts";
import { endWithProcess, freePort, untilReady } from "./server-process.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const programs = ["ceph", "ceph-mon", "ceph-mgr", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"] as const;
const commandDeadlineMs = patient(60_000);

export async function startCeph(): Promise<ObjectStore | Unavailable> {
  const missing = await missingProgram();
  if (missing !== undefined) {
    return { reason: `${missing} is not installed: radosgw ceph-mon ceph-osd ceph-mgr ceph-common` };
  }
  const directory = await temporaryDirectory();
  const running: ChildProcess[] = [];
  const stop = async () => {
    for (const child of running.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await directory[Symbol.asyncDispose]();
  };
  try {
    const [port, monitorPort] = [await freePort(), await freePort()];
    await boot({ directory: directory.path, port, monitorPort, running });
    const endpoint = `http://127.0.0.1:${port}`;
    const gateway = running.at(-1);
    if (gateway === undefined) throw new Error("no gateway");
    await untilReady(gateway, endpoint, () => "see its log");
    return {
      endpoint,
      port,
      directory: directory.path,
      credentials: { AWS_ACCESS_KEY_ID: testKeys.access, AWS_SECRET_ACCESS_KEY: testKeys.secret },
      pid: gateway.pid ?? 0,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function missingProgram(): Promise<string | undefined> {
  for (const program of programs) {
    const found = await run(program, ["--version"]).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      return "";
    });
    if (found === undefined) return program;
  }
  return undefined;
}

interface Boot {
  readonly directory: string;
  readonly port: number;
  readonly monitorPort: number;
  /** Gets every process that was started, the gateway last. */
  readonly running: ChildProcess[];
}

async function boot({ directory, port, monitorPort, running }: Boot): Promise<void> {
  const configuration = join(directory, "ceph.conf");
  const clusterId = randomUUID();
  await writeFile(configuration, settings(directory, clusterId, port, monitorPort));
  for (const name of ["mon", "mgr", "osd", "rgw", "run", "log"]) await mkdir(join(directory, name));
  const withConfiguration = (parameters: readonly string[]) => ["-c", configuration, ...parameters];
  const start = (program: string, ...parameters: readonly string[]) => {
    const child = spawn(program, withConfiguration([...parameters, "-f"]), { stdio: "ignore" });
    endWithProcess(child);
    running.push(child);
  };
  const ceph = (...parameters: readonly string[]) => run("ceph", withConfiguration(parameters));

  const map = join(directory, "monmap");
  await run("monmaptool", ["--create", "--fsid", clusterId, "--addv", "a", `[v2:127.0.0.1:${monitorPort}]`, map]);
  await run("ceph-mon", withConfiguration(["--mkfs", "-i", "a", "--monmap", map]));
  start("ceph-mon", "-i", "a");
  start("ceph-mgr", "-i", "x");
  const disk = randomUUID();
  await ceph("osd", "new", disk);
  await ceph("osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost");
  await run("ceph-osd", withConfiguration(["-i", "0", "--mkfs", "--osd-uuid", disk]));
  start("ceph-osd", "-i", "0");
  const keys = ["--access-key", testKeys.access, "--secret-key", testKeys.secret];
  await run("radosgw-admin", withConfiguration(["user", "create", "--uid=test", "--display-name=test", ...keys]));
  start("radosgw", "-n", "client.rgw");
}

/** The gateway insists on encryption towards the monitor, which there is none of without authentication. */
function settings(directory: string, clusterId: string, port: number, monitorPort: number): string {
  return `[global]
fsid = ${clusterId}
mon host = [v2:127.0.0.1:${monitorPort}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
run dir = ${directory}/run
admin socket = ${directory}/run/$name.$pid.asok
log file = ${directory}/log/$name.log
pid file = ${directory}/run/$name.pid
mon data = ${directory}/mon
mgr data = ${directory}/mgr
osd data = ${directory}/osd
mgr initial modules =
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd objectstore = memstore
memstore device bytes = 4294967296
osd crush update on start = false
osd class update on start = false
osd crush chooseleaf type = 0
rgw frontends = beast endpoint=127.0.0.1:${port}
`;
}

async function run(program: string, parameters: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, parameters, { timeout: commandDeadlineMs });
  return stdout;
}
