import { link, lstat, open, readdir, rm, unlink } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { systemErrorCode } from "../errors.ts";
import { openRegularFile } from "../files/files.ts";
import { describeHolder, type Holder, parseHolder, provenDead, sharesKernel } from "./holder.ts";

/**
 * A lock as a file that names its holder, seen by all processes and containers that share the directory.
 *
 *   PATH                  the lock: it appears with its whole content, by a hard link
 *   PATH.ID.sock          a socket on which the holder listens: a refused connection proves its end across PID namespaces
 *   PATH.ID.takeover      a claim to remove the lock of a holder that has ended
 *
 * Only a holder that is proven to have ended loses its lock. Of several processes that find such a lock, one removes it:
 * each creates its claim, then looks for claims of others, and withdraws if there is one; so two never pass both. The one
 * that passes reads the lock once more, since it may be another's by then.
 */
export type FileLock =
  | { readonly held: AsyncDisposable }
  /** Who holds the lock, and the file that says so. */
  | { readonly held: undefined; readonly holder: string; readonly path: string };

/** Fails with the system's errors. */
export async function lockFile(path: string, self: Holder): Promise<FileLock> {
  const server = await listen(socketPath(path, self));
  try {
    // Each round ends with one lock less that a dead process has left.
    for (let round = 0; round < 5; round++) {
      if (await createWhole(path, self)) return { held: { [Symbol.asyncDispose]: () => release(path, self, server) } };
      const former = await readHolder(path);
      if (former === undefined) continue;
      if (former === "unknown") return await refused(server, "an unknown process", path);
      if (!(await hasEnded(former, path, self))) return await refused(server, describeHolder(former), path);
      const rival = await takeOver(path, former, self);
      if (rival !== undefined) return await refused(server, "another process that takes over the lock", rival);
    }
    return await refused(server, "other processes, one after the other", path);
  } catch (error) {
    await server?.close();
    throw error;
  }
}

async function refused(server: LivenessSocket | undefined, holder: string, path: string): Promise<FileLock> {
  await server?.close();
  return { held: undefined, holder, path };
}

async function release(path: string, self: Holder, server: LivenessSocket | undefined): Promise<void> {
  try {
    const current = await readHolder(path);
    if (current !== undefined && current !== "unknown" && current.id === self.id) await rm(path, { force: true });
  } finally {
    await server?.close();
  }
}

/** Whether the file is now this process's; false if there is one already. */
async function createWhole(path: string, self: Holder): Promise<boolean> {
  const temporary = `${path}.${self.id}.tmp`;
  try {
    await write(temporary, self);
    await link(temporary, path);
    return true;
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    if (code === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code)) throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  // A file system without hard links: for a moment the file is empty, which others take for an unknown holder.
  try {
    await write(path, self);
    return true;
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
    return false;
  }
}

/** Fails with EEXIST if there is such a file, a link included. Everybody may read who holds the lock. */
async function write(path: string, self: Holder): Promise<void> {
  const file = await open(path, "wx", 0o644);
  try {
    await file.writeFile(`${JSON.stringify(self)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

const maxBytes = 16_384;

/** Undefined if there is no such file; "unknown" for one that does not say who holds it, or may not be read. */
async function readHolder(path: string): Promise<Holder | "unknown" | undefined> {
  try {
    const opened = await openRegularFile(path);
    if (opened === undefined) return "unknown";
    await using handle = opened.handle;
    if (opened.sizeBytes > maxBytes) return "unknown";
    return parseHolder(await handle.readFile("utf8")) ?? "unknown";
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    return "unknown";
  }
}

async function hasEnded(holder: Holder, path: string, self: Holder): Promise<boolean> {
  return (
    provenDead(holder, self) || (sharesKernel(holder, self) && (await refusesConnections(socketPath(path, holder))))
  );
}

/** Removes the lock of a holder that has ended. Gives the claim of another process that is about to do the same. */
async function takeOver(path: string, former: Holder, self: Holder): Promise<string | undefined> {
  const suffix = ".takeover";
  const claim = `${path}.${self.id}${suffix}`;
  await write(claim, self);
  try {
    const directory = dirname(path);
    for (const name of await readdir(directory)) {
      const other = join(directory, name);
      if (!name.startsWith(`${basename(path)}.`) || !name.endsWith(suffix) || other === claim) continue;
      const rival = await readHolder(other);
      if (rival === undefined) continue;
      if (rival === "unknown" || !(await hasEnded(rival, path, self))) return other;
      await rm(other, { force: true });
    }
    const current = await readHolder(path);
    if (current === undefined || current === "unknown" || current.id !== former.id) return undefined;
    const socket = socketPath(path, former);
    if (socket !== undefined) await rm(socket, { force: true });
    await unlink(path);
    return undefined;
  } finally {
    await rm(claim, { force: true });
  }
}

interface LivenessSocket {
  close(): Promise<void>;
}

/** The system takes 107 bytes, macOS 103; undefined for a longer path. */
function socketPath(path: string, { id }: Holder): string | undefined {
  const socket = `${path}.${id.slice(0, 8)}.sock`;
  return Buffer.byteLength(socket) <= 100 ? socket : undefined;
}

/** Undefined where the file system has no sockets: the end of the process is then proven within its PID namespace only. */
async function listen(path: string | undefined): Promise<LivenessSocket | undefined> {
  if (path === undefined) return undefined;
  const server = createServer((socket) => socket.destroy());
  const listening = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(path, () => resolve(true));
  });
  if (!listening) return undefined;
  server.unref();
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Only a socket that is there and has no listener refuses. */
async function refusesConnections(path: string | undefined): Promise<boolean> {
  if (path === undefined || !(await isSocket(path))) return false;
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error) => resolve(systemErrorCode(error) === "ECONNREFUSED"));
  });
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSocket();
  } catch {
    return false;
  }
}
