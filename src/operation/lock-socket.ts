import { createHash } from "node:crypto";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { fileError, systemErrorCode } from "../errors.ts";
import { describeHolder, type Holder, parseHolder } from "./holder.ts";

/**
 * A lock as a listening socket in Linux's abstract namespace. It ends with its process and excludes other users, whose
 * cache directories are others, but only within one network namespace. Any user can take any name there. So the holder
 * answers each connection with who it is, and a socket that answers otherwise is reported and holds up nobody.
 */
export type SocketLock =
  | { readonly kind: "held"; readonly lock: AsyncDisposable }
  | { readonly kind: "busy"; readonly holder: string }
  /** The name is taken by a program that is not Esop. */
  | { readonly kind: "foreign"; readonly holder: string };

/** Throws `io`. */
export async function lockSocket(name: string, self: Holder): Promise<SocketLock> {
  const path = `\0${socketName(name)}`;
  for (let attempt = 0; ; attempt++) {
    const lock = await listen(path, self);
    if (lock !== undefined) return { kind: "held", lock };
    const answer = await ask(path);
    if (answer === "gone" && attempt < 5) continue;
    const holder = parseHolder(answer);
    if (holder !== undefined) return { kind: "busy", holder: describeHolder(holder) };
    const owner = await ownerOf(path.replace("\0", "@"));
    // Esop may be too busy to answer.
    return answer === "silent"
      ? { kind: "busy", holder: `${owner}, which does not answer` }
      : { kind: "foreign", holder: owner };
  }
}

/** Undefined if the name is taken. */
function listen(path: string, self: Holder): Promise<AsyncDisposable | undefined> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    // A peer that does not close must not keep the server from closing.
    socket.end(JSON.stringify(self), () => socket.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      if (systemErrorCode(error) === "EADDRINUSE") resolve(undefined);
      else reject(fileError(error, `lock ${path.slice(1)}`));
    });
    server.listen(path, () => {
      server.unref();
      resolve({ [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())) });
    });
  });
}

const answerTimeoutMs = 5000;
const maxAnswerBytes = 16_384;

/** What the listener says; "gone" if there is none any more, "silent" if it says nothing for long. */
function ask(path: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(path);
    const finish = (result: string) => {
      socket.destroy();
      resolve(result);
    };
    socket.setEncoding("utf8");
    socket.setTimeout(answerTimeoutMs, () => finish("silent"));
    socket.on("data", (text: string) => {
      answer += text;
      if (answer.length > maxAnswerBytes) finish(answer);
    });
    socket.once("end", () => finish(answer));
    socket.once("error", (error) => finish(systemErrorCode(error) === "ECONNREFUSED" ? "gone" : answer));
  });
}

/** "process 12 (nc) of user ID 1001", or that it cannot be told. */
async function ownerOf(name: string): Promise<string> {
  try {
    const line = (await readFile("/proc/net/unix", "utf8")).split("\n").find((each) => each.endsWith(` ${name}`));
    const inode = line?.trim().split(/\s+/)[6];
    for (const pid of await readdir("/proc")) {
      if (inode === undefined || !/^\d+$/.test(pid) || !(await hasSocket(pid, inode))) continue;
      const { uid } = await stat(`/proc/${pid}`);
      const command = (await readFile(`/proc/${pid}/comm`, "utf8")).trim().replace(/\p{C}/gu, "?");
      return `process ${pid} (${command}) of user ID ${uid}`;
    }
  } catch {
    // It has ended meanwhile, or /proc is not readable.
  }
  return "a process that this user cannot see";
}

async function hasSocket(pid: string, inode: string): Promise<boolean> {
  try {
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`)) === `socket:[${inode}]`) return true;
    }
  } catch {
    // Another user's process, or it has ended.
  }
  return false;
}

/** The kernel takes 107 bytes. */
export function socketName(name: string): string {
  return Buffer.byteLength(name) <= 100 ? name : createHash("sha256").update(name).digest("hex");
}
