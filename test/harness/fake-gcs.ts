/** A server that speaks Google Cloud Storage, on this machine. */
import { type ServerProcess, startServer } from "./server-process.ts";
import { toolOrigins } from "./tool-origins.ts";
import { findTool, type Unavailable } from "./tools.ts";
import { type UploadSessions, uploadSessions } from "./upload-sessions.ts";

/** Keeps everything in memory. It asks for no credentials, and takes any. Stop it by disposing of it. */
export async function startFakeGcs(): Promise<ServerProcess | Unavailable> {
  const program = await findTool(toolOrigins.fakeGcs);
  if (typeof program !== "string") return program;
  return startServer({
    command: (port) => [
      program,
      ...["-scheme", "http", "-host", "127.0.0.1", "-port", String(port), "-backend", "memory", "-log-level", "error"],
      // Objects are at /bucket/key on this host, whatever the port: also behind a proxy.
      ...["-public-host", "127.0.0.1"],
    ],
  });
}

export interface GcsServers extends AsyncDisposable {
  /** The fake as it is, which does resumable uploads only roughly. */
  readonly rough: ServerProcess;
  /** The same, with sessions as Google has them. */
  readonly sessions: UploadSessions;
}

export async function startGcsServers(): Promise<GcsServers | Unavailable> {
  const rough = await startFakeGcs();
  if ("reason" in rough) return rough;
  const sessions = await uploadSessions(rough);
  return {
    rough,
    sessions,
    [Symbol.asyncDispose]: async () => {
      await sessions[Symbol.asyncDispose]();
      await rough[Symbol.asyncDispose]();
    },
  };
}
