/** A server that speaks Google Cloud Storage, on this machine. */
import { type ServerProcess, startServer } from "./server-process.ts";
import { findTool, type Unavailable } from "./tools.ts";

/** Keeps everything in memory. It asks for no credentials, and takes any. Stop it by disposing of it. */
export async function startFakeGcs(): Promise<ServerProcess | Unavailable> {
  const module = "github.com/fsouza/fake-gcs-server@v1.56.1";
  const program = await findTool({ kind: "go", module, program: "fake-gcs-server" });
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
