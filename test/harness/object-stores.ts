/** Real servers that speak S3, on this machine. */
import { type ServerProcess, startServer } from "./server-process.ts";
import { findTool, type ToolOrigin, type Unavailable } from "./tools.ts";

export interface ObjectStore extends ServerProcess {
  /** For the process's environment: the SDK's default chain finds them there. */
  readonly credentials: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
}

export type { Unavailable } from "./tools.ts";
export type StoreName = "versitygw" | "minio";

interface Recipe {
  readonly origin: ToolOrigin;
  command(port: number, directory: string): readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Of the one user of every store. */
export const testKeys = { access: "test-access-key", secret: "test-secret-key-0123456789" } as const;

const recipes: Readonly<Record<StoreName, Recipe>> = {
  versitygw: {
    origin: { kind: "go", module: "github.com/versity/versitygw/cmd/versitygw@v1.8.0", program: "versitygw" },
    // Its objects are plain files: <directory>/<bucket>/<key>.
    command: (port, directory) => ["--port", `127.0.0.1:${port}`, "--keep-alive", "--quiet", "posix", directory],
    environment: { ROOT_ACCESS_KEY: testKeys.access, ROOT_SECRET_KEY: testKeys.secret },
  },
  minio: {
    // Its tags are no versions to Go: the newest of 2026-02-12.
    origin: { kind: "go", module: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c", program: "minio" },
    command: (port, directory) => ["server", "--quiet", "--address", `127.0.0.1:${port}`, directory],
    environment: {
      MINIO_ROOT_USER: testKeys.access,
      MINIO_ROOT_PASSWORD: testKeys.secret,
      MINIO_BROWSER: "off",
      MINIO_UPDATE: "off",
    },
  },
};

export interface StartOptions {
  /** Files of a certificate for 127.0.0.1 and its key: the store speaks HTTPS (versitygw only). */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  /** Where its directory is made; among the temporary ones when left out. */
  readonly parent?: string;
  /** Takes requests that were meant for AWS there, with the bucket in the host's name (versitygw only). */
  readonly awsRegion?: string;
  /** Gets a line for each request (versitygw only). */
  readonly accessLog?: string;
}

/** Starts the store, building its program first where it is missing. Stop it by disposing of it. */
export async function startStore(
  name: StoreName,
  { tls, parent, awsRegion, accessLog }: StartOptions = {},
): Promise<ObjectStore | Unavailable> {
  const { origin, command, environment } = recipes[name];
  const program = await findTool(origin);
  if (typeof program !== "string") return program;
  const secure = tls === undefined ? [] : ["--cert", tls.certificateFile, "--key", tls.keyFile];
  const aws =
    awsRegion === undefined ? [] : ["--region", awsRegion, "--virtual-domain", `s3.${awsRegion}.amazonaws.com`];
  const logged = accessLog === undefined ? [] : ["--access-log", accessLog];
  const server = await startServer({
    command: (port, directory) => [program, ...secure, ...aws, ...logged, ...command(port, directory)],
    environment,
    parent,
    scheme: tls === undefined ? "http" : "https",
  });
  return {
    ...server,
    credentials: { AWS_ACCESS_KEY_ID: testKeys.access, AWS_SECRET_ACCESS_KEY: testKeys.secret },
  };
}
