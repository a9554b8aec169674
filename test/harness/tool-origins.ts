/** Every program that tests install. `scripts/tools` installs them all, so that no test has to wait for one. */
import type { ToolOrigin } from "./tools.ts";

export const toolOrigins = {
  versitygw: { kind: "go", module: "github.com/versity/versitygw/cmd/versitygw@v1.8.0", program: "versitygw" },
  // Its tags are no versions to Go: the newest of 2026-02-12.
  minio: { kind: "go", module: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c", program: "minio" },
  fakeGcs: { kind: "go", module: "github.com/fsouza/fake-gcs-server@v1.56.1", program: "fake-gcs-server" },
  azurite: { kind: "npm", package: "azurite@3.37.0", program: "azurite-blob" },
  moto: { kind: "pip", packages: ["moto[s3,server,kms]==5.2.5"], program: "moto_server" },
} as const satisfies Record<string, ToolOrigin>;
