/**
 * Real object stores on this machine, each a process of its own on a free port of 127.0.0.1 with a directory of its own.
 * Their programs are built from Go's module proxy into the cache directory, once: versitygw 1.8 (about 2 minutes, 84 MB),
 * MinIO (about 4 minutes, 150 MB). MinIO only where ESOP_TEST_STORES names it or it is there already.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, stat } from "node:fs/promises";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

export interface ObjectStore extends AsyncDisposable {
  /** "http://127.0.0.1:1234". */
  readonly endpoint: string;
  readonly port: number;
  /** Where it keeps what it stores. */
  readonly directory: string;
  /** For the process's environment: the SDK's default chain finds them there. */
  readonly credentials: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
  readonly pid: number;
}

/** Why there is no such store here. */
export interface Unavailable {
  readonly reason: string;
}

export type StoreName = "versitygw" | "minio";

interface Recipe {
  readonly module: string;
  readonly builtAlways: boolean;
  command(port: number, directory: string): readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Of the one user of every store. */
export const testKeys = { access: "test-access-key", secret: "test-secret-key-0123456789" } as const;

const recipes: Readonly<Record<StoreName, Recipe>> = {
  versitygw: {
    module: "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
    builtAlways: true,
    // Its objects are plain files: <directory>/<bucket>/<key>.
    command: (port, directory) => ["--port", `127.0.0.1:${port}`, "--keep-alive", "--quiet", "posix", directory],
    environment: { ROOT_ACCESS_KEY: testKeys.access, ROOT_SECRET_KEY: testKeys.secret },
  },
  minio: {
    module: "github.com/minio/minio@latest",
    builtAlways: false,
    command: (port, directory) => ["server", "--quiet", "--address", `127.0.0.1:${port}`, directory],
    environment: {
      MINIO_ROOT_USER: testKeys.access,
      MINIO_ROOT_PASSWORD: testKeys.secret,
      MINIO_BROWSER: "off",
      MINIO_UPDATE: "off",
    },
  },
};

const tools = join(homedir(), ".cache", "esop", "tools");
const buildDeadlineMs = 20 * 60_000;
const readyDeadlineMs = 20_000;

export interface StartOptions {
  /** Files of a certificate for 127.0.0.1 and its key: the store speaks HTTPS (versitygw only). */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
}

/** Starts the store, building its program first where it is missing. Stop it by disposing of it. */
export async function startStore(name: StoreName, { tls }: StartOptions = {}): Promise<ObjectStore | Unavailable> {
  const { command, environment } = recipes[name];
  const program = await programOf(name);
  if (typeof program !== "string") return program;
  const directory = await temporaryDirectory();
  const port = await freePort();
  const endpoint = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const secure = tls === undefined ? [] : ["--cert", tls.certificateFile, "--key", tls.keyFile];
  const child = spawn(program, [...secure, ...command(port, directory.path)], {
    env: { PATH: process.env["PATH"], HOME: directory.path, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  endWithProcess(child);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  try {
    await untilReady(child, endpoint, () => said);
  } catch (error) {
    await stop(child, directory);
    throw error;
  }
  return {
    endpoint,
    port,
    directory: directory.path,
    credentials: { AWS_ACCESS_KEY_ID: testKeys.access, AWS_SECRET_ACCESS_KEY: testKeys.secret },
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: () => stop(child, directory),
  };
}

/** A test file that dies before its end takes its servers with it. */
export function endWithProcess(child: ChildProcess): void {
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
}

async function programOf(name: StoreName): Promise<string | Unavailable> {
  const { module, builtAlways } = recipes[name];
  const program = join(tools, name);
  const isThere = async () => (await stat(program).catch(() => undefined)) !== undefined;
  if (await isThere()) return program;
  if (!builtAlways && !(process.env["ESOP_TEST_STORES"] ?? "").split(",").includes(name)) {
    return { reason: `${name} is not installed: set ESOP_TEST_STORES=${name} to have it built` };
  }
  process.stderr.write(`building ${module} into ${tools} (once, some minutes)\n`);
  await mkdir(tools, { recursive: true });
  // Several test files may want it at the same moment; one builds.
  const script = `test -x "${program}" || exec nice -n 10 go install ${module}`;
  const build = spawn("flock", [join(tools, ".lock"), "sh", "-c", script], {
    env: { ...process.env, GOBIN: tools, GOFLAGS: "-p=1" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: buildDeadlineMs,
  });
  let said = "";
  build.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-300);
  });
  await once(build, "close").catch((error: unknown) => {
    said = String(error);
  });
  return (await isThere()) ? program : { reason: `${name} cannot be built from ${module}: ${said.trim()}` };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

/** Any answer will do; a connection alone will not: servers listen before they can serve. */
export async function untilReady(child: ChildProcess, endpoint: string, said: () => string): Promise<void> {
  const deadline = Date.now() + readyDeadlineMs;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the store ended at once: ${said()}`);
    const status = await statusOf(endpoint).catch(() => 500);
    if (status < 500) return;
    if (Date.now() > deadline) throw new Error(`the store did not get ready: ${said()}`);
    await delay(50);
  }
}

function statusOf(endpoint: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { agent: false, timeout: 1000 };
    const request = endpoint.startsWith("https:")
      ? httpsGet(endpoint, { ...options, rejectUnauthorized: false })
      : httpGet(endpoint, options);
    request.on("response", (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 500);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", reject);
  });
}

async function stop(child: ChildProcess, directory: TemporaryDirectory): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "close");
  }
  await directory[Symbol.asyncDispose]();
}
