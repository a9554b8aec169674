/** `rclone copy`, as fast as it goes here. */
import type { ObjectStore } from "../test/harness/object-stores.ts";
import { findTool } from "../test/harness/tools.ts";
import { type Measurement, measure } from "./measure.ts";

const origin = { kind: "go", module: "github.com/rclone/rclone@v1.76.0", program: "rclone" } as const;

/** Nothing is listed or looked for before, and bodies are not signed. */
const tuned = [
  ...["--s3-no-check-bucket", "--no-check-dest", "--s3-use-unsigned-payload=true"],
  ...["--checkers", "16", "--s3-upload-concurrency", "4", "--config", "/dev/null"],
];
/** Nothing is asked behind an upload, and no MD5 taken. rclone never syncs. */
const unchecked = ["--s3-no-head", "--ignore-checksum"];
/** Both are tried; the faster one counts. */
const transfers = ["10", "16"] as const;

export interface RcloneOptions {
  readonly checked: boolean;
  before(): Promise<void>;
}

export interface Rclone {
  /** Copies from the directory into the bucket, or back. `before` clears what is there. */
  copy(way: "up" | "down", directory: string, how: RcloneOptions): Promise<Measurement>;
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
    copy: async (way, directory, { checked, before }) => {
      const remote = `bench:${bucket}/bench`;
      const [from, to] = way === "up" ? [directory, remote] : [remote, directory];
      const runs: Measurement[] = [];
      for (const count of transfers) {
        await before();
        const options = [...tuned, ...(checked ? [] : unchecked), "--transfers", count];
        runs.push(await measure([program, "copy", from, to, ...options], { environment }));
      }
      return runs.toSorted((a, b) => a.wallMs - b.wallMs)[0] ?? Promise.reject(new Error("nothing was run"));
    },
  };
}
