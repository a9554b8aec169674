/** A server of its own for a test: a process on a free port of 127.0.0.1 with a directory of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { patient } from "./patience.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

export interface ServerProcess extends AsyncDisposable {
  /** "http://127.0.0.1:1234". */
  readonly endpoint: string;
  readonly port: number;
  /** Where it keeps what it stores. */
  readonly directory: string;
  readonly pid: number;
}

export interface ServerRecipe {
  command(port: number, directory: string): readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** HTTP when left out. */
  readonly scheme?: "http" | "https";
  /** Where its directory is made; among the temporary ones when left out. */
  readonly parent?: string | undefined;
}

const readyDeadlineMs = 20_000;

/** Starts it and waits until it answers. Stop it by disposing of it. */
export async function startServer({
  command,
  environment,
  scheme = "http",
  parent,
}: ServerRecipe): Promise<ServerProcess> {
  const directory = await temporaryDirectory(parent);
  const port = await freePort();
  const endpoint = `${scheme}://127.0.0.1:${port}`;
  const [program = "", ...parameters] = command(port, directory.path);
  const child = spawn(program, parameters, {
    env: { PATH: process.env["PATH"], HOME: directory.path, ...environment },
    cwd: directory.path,
    stdio: ["ignore", "ignore", "pipe"],
  });
  endWithProcess(child);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "close");
    }
    await directory[Symbol.asyncDispose]();
  };
  try {
    await untilReady(child, endpoint, () => said);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, port, directory: directory.path, pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
}

/** A test file that dies before its end takes its servers with it. */
export function endWithProcess(child: ChildProcess): void {
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
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
  const deadline = Date.now() + patient(readyDeadlineMs);
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
