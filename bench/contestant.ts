/** Whoever moves the files of a directory into a bucket and back. */
import type { ObjectStore } from "../test/harness/object-stores.ts";
import type { Measurement } from "./measure.ts";

export type Way = "up" | "down";

export interface Contestant {
  readonly name: string;
  /** What it proves of the bytes, and whether they are on the disk in the end. */
  readonly checks: string;
  /** One run for each way of tuning it. `before` clears the target of a run, and `after` looks at what came there. */
  copy(way: Way, directory: string, hooks: Hooks): Promise<readonly Measurement[]>;
}

export interface Hooks {
  before(): Promise<void>;
  after(): Promise<void>;
}

export interface Target {
  readonly store: ObjectStore;
  readonly bucket: string;
  /** Of the objects in the bucket, without a slash. */
  readonly prefix: string;
  /** PEM of the authority behind the certificate of a store that speaks HTTPS. */
  readonly caFile: string | undefined;
  /** What the tool has sent, as it needs it to fetch it: JSON. */
  readonly list: string;
}

/** Runs the work for each setting, each with a target that is empty before and is looked at afterwards. */
export async function eachSetting<T>(
  settings: readonly T[],
  { before, after }: Hooks,
  work: (setting: T) => Promise<Measurement>,
): Promise<readonly Measurement[]> {
  const runs: Measurement[] = [];
  for (const setting of settings) {
    await before();
    runs.push(await work(setting));
    await after();
  }
  return runs;
}
