import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { AppError, fileError, systemErrorCode } from "../errors.ts";

/**
 * Holds a name that only one process of this machine can hold at a time, and that ends with the process however it
 * ends: a listening socket in Linux's abstract namespace, which leaves nothing to clean up. It is seen within one
 * network namespace only. On other systems it excludes nothing.
 *
 * Throws `io`, and `busy` with `message` when another process holds the name.
 */
export async function acquireLock(name: string, message: string): Promise<AsyncDisposable> {
  if (process.platform !== "linux") return { [Symbol.asyncDispose]: async () => undefined };
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const busy = systemErrorCode(error) === "EADDRINUSE";
      const hint = "wait for it to finish, or stop it";
      reject(busy ? new AppError("busy", message, { hint, cause: error }) : fileError(error, `hold ${name}`));
    });
    server.listen(`\0${socketName(name)}`, resolve);
  });
  server.unref();
  return {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** The kernel takes 107 bytes. */
function socketName(name: string): string {
  return Buffer.byteLength(name) <= 100 ? name : createHash("sha256").update(name).digest("hex");
}
