/** `rclone copy`, as fast as it goes here. */
import type { ObjectStore } from "../test/harness/object-stores.ts";
import { findTool } from "../test/harness/tools.ts";
import { type Measurement, measure } from "./measure.ts";

const origin = { kind: "go", module: "github.com/rclone/rclone@v1.76.0", program: "rclone" } as const;

/**
 * Nothing is listed or looked for before, and nothing asked behind it; bodies are not signed and downloads not compared
 * with a hash; rclone never syncs.
 */
const fastest = [
  ...["--s3-no-check-bucket", "--no-check-dest", "--s3-no-head", "--s3-use-unsigned-payload=true", "--ignore-checksum"],
  ...["--checkers", "16", "--s3-upload-concurrency", "4", "--config", "/dev/null"],
];
/** Both are tried; the faster one counts. */
const transfers = ["10", "16"] as const;

export interface Rclone {
  /** Copies from the directory into the bucket, or back. */
  copy(direction: "up" | "down", directory: string, before: () => Promise<void>): Promise<Measurement>;
}

export async function prepareRclone({ endpoint, credentials }: ObjectStore, bucket: string): Promise<Rclone> {
  const program = await findTool(origin);
  if (typeof program !== "string") throw new Error(program.reason);
  const environment = {
    RCLONE_CONFIG_BENCH_TYPE: "s3",
    RCLONE_CONFIG_BENCH_PROVIDER: "Other",
    RCLONE_CONFIG_BENCH_ENDPOINT: endpoint,
    RCLONE_CONFIG_BENCH_REGION: "us-east-1",
    RCLONE_CONFIG_BENCH_FORCE_PATH_STYLE: "true",
    RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: credentials.AWS_ACCESS_KEY_ID,
    RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: credentials.AWS_SECRET_ACCESS_KEY,
  };
  return {
    copy: async (direction, directory, before) => {
      const remote = `bench:${bucket}/bench`;
      const [from, to] = direction === "up" ? [directory, remote] : [remote, directory];
      const runs: Measurement[] = [];
      for (const count of transfers) {
        await before();
        runs.push(await measure([program, "copy", from, to, "--transfers", count, ...fastest], { environment }));
      }
      return runs.toSorted((a, b) => a.wallMs - b.wallMs)[0] ?? Promise.reject(new Error("nothing was run"));
    },
  };
}
