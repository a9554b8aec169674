/** Ways to disturb a run of the tool midway. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { seededRandom } from "./sample-bytes.ts";

const run = promisify(execFile);

export const signals = ["SIGKILL", "SIGTERM", "SIGINT"] as const;
export type Disturbance = (typeof signals)[number] | "cut";

/** Ends every TCP connection of a process as a network does. Throws where the system cannot do that. */
export async function cutConnections(pid: number): Promise<void> {
  const { stdout } = await run("ss", ["-tnpH"]);
  const ports = stdout
    .split("\n")
    .filter((line) => line.includes(`pid=${pid},`))
    .map((line) => line.trim().split(/\s+/)[3]?.split(":").at(-1) ?? "");
  for (const port of ports) await run("ss", ["-K", "sport", "=", `:${port}`]);
}

export async function canCutConnections(): Promise<boolean> {
  return run("ss", ["-K", "sport", "=", ":1"]).then(
    ({ stderr }) => stderr === "",
    () => false,
  );
}

export interface Round {
  readonly number: number;
  readonly disturbance: Disturbance;
  /** When, as a part of the time that an undisturbed run takes. */
  readonly moment: number;
  /** To reproduce it, for messages. */
  readonly description: string;
}

/** Rounds with moments spread over the whole of a run, in an order of their own. */
export function planRounds(seed: number, count: number, disturbances: readonly Disturbance[]): Round[] {
  const random = seededRandom(seed);
  const offset = Math.floor(random() * disturbances.length);
  return Array.from({ length: count }, (_, number) => {
    const disturbance = disturbances[(number + offset) % disturbances.length] ?? "SIGKILL";
    // The first fifth of a run is the start of the program.
    const moment = 0.2 + (0.8 * (number + random())) / count;
    const description = `round ${number} with seed ${seed}: ${disturbance} at ${moment.toFixed(2)} of the run`;
    return { number, disturbance, moment, description };
  });
}
