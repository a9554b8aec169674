/** The S3 client of AWS's Common Runtime, which is written in C, by its binding for Python. */
import { join } from "node:path";
import { findTool } from "../test/harness/tools.ts";
import { type Contestant, eachSetting, type Target } from "./contestant.ts";
import { measure } from "./measure.ts";

const origin = { kind: "pip", packages: ["awscrt==0.38.1"], program: "python" } as const;
/** As many connections as others use, and what the client makes of its own default. */
const connections = ["10", "default"] as const;

export async function awscrt({ store, bucket, prefix, caFile, list }: Target): Promise<Contestant> {
  const python = await findTool(origin);
  if (typeof python !== "string") throw new Error(python.reason);
  const environment = {
    ...store.credentials,
    BENCH_ENDPOINT: store.endpoint,
    BENCH_PREFIX: `/${bucket}/${prefix}`,
    ...(caFile === undefined ? {} : { BENCH_CA_FILE: caFile }),
  };
  return {
    name: "aws crt",
    checks: "CRC32 both ways; nothing synced",
    copy: (way, directory, hooks) =>
      eachSetting(connections, hooks, (count) =>
        measure([python, join(import.meta.dirname, "awscrt-transfer.py"), way, directory, list, count], {
          environment,
        }),
      ),
  };
}
