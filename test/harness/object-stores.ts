/** Real servers that speak S3, on this machine. */
import { dirname } from "node:path";
import type { Certificates } from "./certificates.ts";
import { type ServerProcess, startServer } from "./server-process.ts";
import { toolOrigins } from "./tool-origins.ts";
import { findTool, type ToolOrigin, type Unavailable } from "./tools.ts";

export interface ObjectStore extends ServerProcess {
  /** For the process's environment: the SDK's default chain finds them there. */
  readonly credentials: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
}

export type { Unavailable } from "./tools.ts";
export type StoreName = "versitygw" | "minio";

interface Recipe {
  readonly origin: ToolOrigin;
  /** With certificates it speaks HTTPS. */
  command(port: number, directory: string, tls: Certificates | undefined): readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Of the one user of every store. */
export const testKeys = { access: "test-access-key", secret: "test-secret-key-0123456789" } as const;

/** Name of the key in MinIO's KMS. */
export const minioKey = "test-key";

const recipes: Readonly<Record<StoreName, Recipe>> = {
  versitygw: {
    origin: toolOrigins.versitygw,
    // Its objects are plain files: <directory>/<bucket>/<key>.
    command: (port, directory, tls) => {
      const secure = tls === undefined ? [] : ["--cert", tls.certificateFile, "--key", tls.keyFile];
      return ["--port", `127.0.0.1:${port}`, "--keep-alive", "--quiet", ...secure, "posix", directory];
    },
    environment: { ROOT_ACCESS_KEY: testKeys.access, ROOT_SECRET_KEY: testKeys.secret },
  },
  minio: {
    origin: toolOrigins.minio,
    command: (port, directory, tls) => {
      const secure = tls === undefined ? [] : ["--certs-dir", dirname(tls.certificateFile)];
      return ["server", "--quiet", "--address", `127.0.0.1:${port}`, ...secure, directory];
    },
    environment: {
      MINIO_ROOT_USER: testKeys.access,
      MINIO_ROOT_PASSWORD: testKeys.secret,
      MINIO_BROWSER: "off",
      MINIO_UPDATE: "off",
      // A KMS of its own, with this one key.
      MINIO_KMS_SECRET_KEY: `${minioKey}:${Buffer.alloc(32, 7).toString("base64")}`,
    },
  },
};

export interface StartOptions {
  /** The store speaks HTTPS. */
  readonly tls?: Certificates;
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
  const aws =
    awsRegion === undefined ? [] : ["--region", awsRegion, "--virtual-domain", `s3.${awsRegion}.amazonaws.com`];
  const logged = accessLog === undefined ? [] : ["--access-log", accessLog];
  const server = await startServer({
    command: (port, directory) => [program, ...aws, ...logged, ...command(port, directory, tls)],
    environment,
    parent,
    scheme: tls === undefined ? "http" : "https",
  });
  return {
    ...server,
    credentials: { AWS_ACCESS_KEY_ID: testKeys.access, AWS_SECRET_ACCESS_KEY: testKeys.secret },
  };
}
