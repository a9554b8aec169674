/** Ways to disturb a run of the tool midway. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
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
  for (const port of ports) await cutPort(port);
}

/** Tries it on a connection of its own. */
export async function canCutConnections(): Promise<boolean> {
  const server = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const client = connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1");
  await once(client, "connect");
  const closed = new Promise<boolean>((resolve) => client.on("error", () => resolve(true)));
  const cut = cutPort(String(client.localPort)).then(
    () => closed,
    () => false,
  );
  const unable = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 2000).unref());
  try {
    return await Promise.race([cut, unable]);
  } finally {
    client.destroy();
    server.close();
  }
}

async function cutPort(port: string): Promise<void> {
  await run("ss", ["-K", "sport", "=", `:${port}`]);
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
