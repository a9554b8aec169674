import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { AppError, fileError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { thisProcess } from "./holder.ts";
import { lockFile } from "./lock-file.ts";
import { cacheLockFile } from "./lock-names.ts";
import { lockSocket } from "./lock-socket.ts";

export interface LockOptions {
  /** Of what only one process may hold. */
  readonly name: string;
  /** For messages: "the repository of node n". */
  readonly subject: string;
  /** For other processes: what this one does. */
  readonly verb: string;
  /** Holds a lock file of the name, for all processes and containers that share it. Made where it is missing. */
  readonly cacheDir: string;
  /** Further lock files, in directories that exist. */
  readonly files?: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Holds a name against all processes of this network namespace, and against all that share the cache directory or
 * the directory of another lock file, in containers too. A process that is killed leaves its files; the next one removes them, if it can prove
 * that the holder has ended.
 *
 * Throws `busy`, naming the holder, and `io` where nothing excludes anybody. A file that cannot be written is a warning
 * where something else excludes others.
 */
export async function acquireLock(options: LockOptions): Promise<AsyncDisposable> {
  const { name, subject, verb, cacheDir, clock, log } = options;
  const cacheFile = cacheLockFile(cacheDir, name);
  const self = thisProcess(verb, clock.now());
  await using stack = new AsyncDisposableStack();
  let [held, failure]: [number, AppError | undefined] = [0, undefined];
  if (process.platform === "linux") {
    const socket = await lockSocket(name, self);
    if (socket.kind === "busy") throw busy(subject, socket.holder);
    if (socket.kind === "held") {
      stack.use(socket.lock);
      held += 1;
    } else log.warn(`${socket.holder} holds the socket '${name}' and is not esop; relying on lock files alone`);
  }
  for (const path of [cacheFile, ...new Set(options.files)].toSorted()) {
    try {
      if (path === cacheFile) await mkdir(dirname(path), { recursive: true });
      const lock = await lockFile(path, self);
      if (lock.held === undefined) throw busy(subject, lock.holder, lock.path);
      stack.use(lock.held);
      held += 1;
    } catch (error) {
      if (error instanceof AppError) throw error;
      failure = fileError(error, `write the lock file ${path}`);
      log.debug(failure.message);
    }
  }
  if (held === 0 && failure !== undefined) {
    throw new AppError("io", failure.message, {
      hint: "give a directory that can be written with --cache-dir",
      cause: failure,
    });
  }
  const locks = stack.move();
  return { [Symbol.asyncDispose]: () => locks.disposeAsync() };
}

function busy(subject: string, holder: string, path?: string): AppError {
  const clear = path === undefined ? "" : `; if that process has ended, delete ${path}`;
  return new AppError("busy", `${subject} is in use by ${holder}`, {
    hint: `wait for it to finish, or stop it${clear}`,
  });
}
