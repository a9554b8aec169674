/** The tool's own transfers, of this checkout or of another one. */
import { join } from "node:path";
import { type Contestant, eachSetting, type Target } from "./contestant.ts";
import { measure } from "./measure.ts";

export interface EsopOptions {
  readonly name: string;
  /** See transfer.ts. */
  readonly dialect: "aws" | "any";
  /** Of the sources. */
  readonly root: string;
}

export function esop(
  { store, bucket, prefix, caFile, list }: Target,
  { name, dialect, root }: EsopOptions,
): Contestant {
  const environment = {
    ...store.credentials,
    // Compiled sources are kept between starts, as by `./esop`.
    NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node-compile"),
    BENCH_ENDPOINT: store.endpoint,
    BENCH_BUCKET: bucket,
    BENCH_PREFIX: prefix,
    BENCH_DIALECT: dialect,
    ...(caFile === undefined ? {} : { BENCH_CA_FILE: caFile }),
  };
  const up = dialect === "aws" ? "CRC32" : "signed chunks";
  return {
    name,
    checks: `SHA-256 both ways, ${up} up; every file synced, and the directory`,
    copy: (way, directory, hooks) =>
      eachSetting([1, 2], hooks, () =>
        measure([process.execPath, join(root, "bench/transfer.ts"), way, directory, list], { environment }),
      ),
  };
}
