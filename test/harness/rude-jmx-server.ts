import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import recorded from "../fixtures/jmx/recorded.json" with { type: "json" };

/** Answers of a real server, by method name; references within them name `port` as theirs. */
const port = recorded.port;
export const recordedAnswers: ReadonlyMap<string, Buffer> = new Map(
  Object.entries(recorded.answers).map(([method, hex]) => [method, Buffer.from(hex, "hex")]),
);
/** Answers of a real server to calls that return the values of jmx-agent/Values.java. */
export const recordedValues: ReadonlyMap<string, Buffer> = new Map(
  Object.entries(recorded.values).map(([name, hex]) => [name, Buffer.from(hex, "hex")]),
);

const helloLength = 7;
const clientAddressLength = 6;
/** Ack, the client's address as UTF "127.0.0.1", a port. */
const ack = Buffer.from("4e00093132372e302e302e310000c350", "hex");

/** Where a call carries its method hash: after u1, stream header, block header, ObjID and operation number. */
const hashOffset = 1 + 4 + 2 + 22 + 4;

export interface RudeServer extends AsyncDisposable {
  readonly port: number;
  /** Connections that were opened, and calls of each method. */
  readonly connections: number;
  readonly calls: ReadonlyMap<string, number>;
  /** The most connections that were open at once. */
  readonly mostOpen: number;
  /** Ends every connection that is open now. */
  hangUp(): void;
}

export interface Manners {
  /** What to send in place of an answer; undefined sends nothing, and the connection stays. */
  readonly answer?: (method: string, usual: Buffer, socket: Socket) => Buffer | undefined;
  /** How many bytes the server sends in all before it ends this and every further connection; undefined for all. */
  readonly cutAfter?: number;
}

/** A server that replays a recorded conversation, and misbehaves where it is told to. */
export async function startRudeServer(manners: Manners = {}): Promise<RudeServer> {
  const sockets = new Set<Socket>();
  const calls = new Map<string, number>();
  let connections = 0;
  let mostOpen = 0;
  const send = cuttingAfter(manners.cutAfter ?? Number.POSITIVE_INFINITY);
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    mostOpen = Math.max(mostOpen, sockets.size);
    socket.on("close", () => sockets.delete(socket));
    serve(
      socket,
      (bytes) => send(socket, bytes),
      (hash) => {
        const method = recorded.hashes.find((row) => row.hash === hash)?.method ?? "?";
        calls.set(method, (calls.get(method) ?? 0) + 1);
        const usual = withPort(recordedAnswers.get(method) ?? Buffer.alloc(0), portOf(server));
        const answer = manners.answer === undefined ? usual : manners.answer(method, usual, socket);
        if (answer !== undefined) send(socket, answer);
      },
    );
  });
  const listening = await listen(server);
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    ...listening,
    calls,
    hangUp,
    get connections() {
      return connections;
    },
    get mostOpen() {
      return mostOpen;
    },
  };
}

/** Takes the greeting apart; after it each chunk is a call, since a client sends one at a time in one piece. */
function serve(socket: Socket, send: (bytes: Buffer) => void, onCall: (hash: string) => void): void {
  let received = Buffer.alloc(0);
  let greeted = false;
  let introduced = false;
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (!greeted && received.length >= helloLength) {
      greeted = true;
      received = received.subarray(helloLength);
      send(ack);
    }
    if (greeted && !introduced && received.length >= clientAddressLength) {
      introduced = true;
      received = received.subarray(clientAddressLength);
    }
    if (introduced && received.length >= hashOffset + 8) {
      const hash = received.readBigInt64BE(hashOffset).toString();
      received = Buffer.alloc(0);
      onCall(hash);
    }
  });
}

function cuttingAfter(limit: number): (socket: Socket, bytes: Buffer) => void {
  let left = limit;
  return (socket, bytes) => {
    if (bytes.length <= left) socket.write(bytes);
    else socket.end(bytes.subarray(0, left));
    left = Math.max(0, left - bytes.length);
  };
}

/** The answer with references to the port of this server in place of the recorded one. */
function withPort(answer: Buffer, ownPort: number): Buffer {
  const at = answer.indexOf(portBytes(port));
  if (at < 0) return answer;
  return Buffer.concat([answer.subarray(0, at), portBytes(ownPort), answer.subarray(at + 4)]);
}

/** Any server on a free loopback port; disposing ends its connections too. */
export async function listen(server: Server): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return { port: portOf(server), [Symbol.asyncDispose]: close };
}

/** A big-endian int, as ports are written in stubs. */
export function portBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("a server without an address");
  return address.port;
}
