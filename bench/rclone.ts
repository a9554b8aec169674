/** `rclone copy`, as fast as it goes here. */
import { findTool } from "../test/harness/tools.ts";
import { type Contestant, eachSetting, type Target } from "./contestant.ts";
import { measure } from "./measure.ts";

const origin = { kind: "go", module: "github.com/rclone/rclone@v1.76.0", program: "rclone" } as const;

/** Nothing is listed or looked for before, and bodies are not signed. */
const tuned = [
  ...["--s3-no-check-bucket", "--no-check-dest", "--s3-use-unsigned-payload=true"],
  ...["--checkers", "16", "--s3-upload-concurrency", "4", "--config", "/dev/null"],
];
/** Nothing is asked behind an upload, and no MD5 taken. */
const unchecked = ["--s3-no-head", "--ignore-checksum"];
const transfers = ["10", "16"] as const;

/** With its own checks, and without. */
export async function rclone({ store, bucket, prefix, caFile }: Target): Promise<readonly Contestant[]> {
  const program = await findTool(origin);
  if (typeof program !== "string") throw new Error(program.reason);
  const environment = {
    RCLONE_CONFIG_BENCH_TYPE: "s3",
    RCLONE_CONFIG_BENCH_PROVIDER: "Other",
    RCLONE_CONFIG_BENCH_ENDPOINT: store.endpoint,
    RCLONE_CONFIG_BENCH_REGION: "us-east-1",
    RCLONE_CONFIG_BENCH_FORCE_PATH_STYLE: "true",
    RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: store.credentials.AWS_ACCESS_KEY_ID,
    RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: store.credentials.AWS_SECRET_ACCESS_KEY,
  };
  const trust = caFile === undefined ? [] : ["--ca-cert", caFile];
  const contestant = (name: string, checks: string, options: readonly string[]): Contestant => ({
    name,
    checks,
    copy: (way, directory, hooks) => {
      const remote = `bench:${bucket}/${prefix}`;
      const [from, to] = way === "up" ? [directory, remote] : [remote, directory];
      return eachSetting(transfers, hooks, (count) =>
        measure([program, "copy", from, to, ...tuned, ...trust, ...options, "--transfers", count], { environment }),
      );
    },
  });
  return [
    contestant("rclone", "MD5 both ways, a HEAD behind each upload; nothing synced", []),
    contestant("rclone unchecked", "sizes; nothing synced", unchecked),
  ];
}
