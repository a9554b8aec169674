/** A network between a client and a server that breaks, halts or is slow at given bytes, whatever they belong to. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";

export type LinkFault =
  /** Both sides are cut off, with what was on its way, or as if the other side had ended. */
  | { readonly kind: "reset" | "end" }
  /** Nothing more moves on this connection in this direction, for a time or for good. */
  | { readonly kind: "stall"; readonly ms: number }
  | { readonly kind: "hang" };

export interface LinkEvent {
  /** As the client sees it. */
  readonly direction: "up" | "down";
  /** Strikes the connection that carries this byte of all that went this way since the link was told. */
  readonly at: number;
  readonly fault: LinkFault;
}

export interface LinkWeather {
  readonly events?: readonly LinkEvent[];
  /** Of all connections together, each way. */
  readonly bytesPerSecond?: number;
}

export interface FaultyLink extends AsyncDisposable {
  readonly endpoint: string;
  /** What went each way since the link was told. */
  readonly bytes: Readonly<Record<LinkEvent["direction"], number>>;
  /** From now on; ends the connections that there are. */
  tell(weather: LinkWeather): void;
}

export async function faultyLink(target: { readonly port: number }): Promise<FaultyLink> {
  let wires = new Wires({});
  const server = createServer((client) => {
    const upstream = connect(target.port, "127.0.0.1");
    wires.join(client, upstream);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    get bytes() {
      return wires.bytes;
    },
    tell: (weather) => {
      wires.end();
      wires = new Wires(weather);
    },
    [Symbol.asyncDispose]: async () => {
      wires.end();
      server.close();
      await once(server, "close");
    },
  };
}

/** The connections that live in one weather. */
class Wires {
  readonly bytes = { up: 0, down: 0 };
  readonly #due: LinkEvent[];
  readonly #bytesPerSecond: number | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #over = new AbortController();
  readonly #freeAtMs = { up: 0, down: 0 };

  constructor({ events = [], bytesPerSecond }: LinkWeather) {
    this.#due = [...events];
    this.#bytesPerSecond = bytesPerSecond;
  }

  join(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      // Its pipelines see the error.
      socket.on("error", () => undefined);
    }
    const carry = (direction: LinkEvent["direction"], from: Socket, to: Socket) =>
      pipeline(from, (chunks: AsyncIterable<Buffer>) => this.#carried(direction, chunks, [client, upstream]), to).catch(
        // A broken connection is what this is about.
        () => undefined,
      );
    void carry("up", client, upstream);
    void carry("down", upstream, client);
  }

  end(): void {
    this.#over.abort();
    for (const socket of this.#sockets) socket.destroy();
  }

  async *#carried(direction: LinkEvent["direction"], chunks: AsyncIterable<Buffer>, ends: readonly Socket[]) {
    for await (const chunk of chunks) {
      const start = this.bytes[direction];
      this.bytes[direction] += chunk.length;
      await this.#slowness(direction, chunk.length);
      const index = this.#due.findIndex(({ direction: way, at }) => way === direction && at < start + chunk.length);
      const [struck] = index < 0 ? [] : this.#due.splice(index, 1);
      if (struck === undefined) {
        yield chunk;
        continue;
      }
      const whole = Math.max(0, struck.at - start);
      yield chunk.subarray(0, whole);
      if (struck.fault.kind === "end") return;
      if (struck.fault.kind === "reset") {
        for (const socket of ends) socket.resetAndDestroy();
        return;
      }
      const ms = struck.fault.kind === "stall" ? struck.fault.ms : 2 ** 31 - 1;
      await delay(ms, undefined, { signal: this.#over.signal, ref: false });
      yield chunk.subarray(whole);
    }
  }

  async #slowness(direction: LinkEvent["direction"], bytes: number): Promise<void> {
    if (this.#bytesPerSecond === undefined) return;
    const now = performance.now();
    const atMs = Math.max(now, this.#freeAtMs[direction]) + (bytes / this.#bytesPerSecond) * 1000;
    this.#freeAtMs[direction] = atMs;
    await delay(atMs - now, undefined, { signal: this.#over.signal });
  }
}
