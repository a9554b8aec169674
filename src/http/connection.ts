import type { Socket } from "node:net";
import { chunkBytes } from "./incoming-body.ts";

/** The present user of a connection. Its methods throw nothing. */
export interface ConnectionUser {
  /** The bytes are good until this returns. False where no more are wanted until {@link Connection.resume}. */
  receive(bytes: Buffer): boolean;
  /** There is room again, after {@link Connection.send} has found none. */
  drained(): void;
  /** Nothing comes or goes any more; undefined where the other side has ended it in order. */
  closed(error: Error | undefined): void;
}

/** All sockets read into this one: each read is dealt with before the next. Node's own buffers, one a read, cost three times as much. */
const landing = Buffer.allocUnsafeSlow(chunkBytes);

/** One connection, used by one request after the other. */
export class Connection {
  readonly #socket: Socket;
  #user: ConnectionUser | undefined;
  #closed = false;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Nagle's wait is for those who write in small pieces.
    socket.setNoDelay(true);
    socket.on("error", (error) => {
      this.#failure = error;
    });
    socket.on("drain", () => this.#user?.drained());
    socket.on("close", () => this.#onClose());
    // The other side has said its last; so have we.
    socket.on("end", () => socket.destroy());
    // Of sockets within a tunnel, which do not read into the buffer.
    socket.on("data", (bytes: Buffer) => this.#receive(bytes));
  }

  /** Hands `connect` what a socket needs so that what it reads lands in the shared buffer. */
  static open(connect: (onread: { buffer: Buffer; callback(bytes: number): boolean }) => Socket): Connection {
    const reader = { receive: (_bytes: Buffer) => true };
    const callback = (bytes: number) => reader.receive(landing.subarray(0, bytes));
    const connection = new Connection(connect({ buffer: landing, callback }));
    reader.receive = (bytes) => connection.#receive(bytes);
    return connection;
  }

  /** For a socket that was opened elsewhere. */
  static over(socket: Socket): Connection {
    return new Connection(socket);
  }

  get isClosed(): boolean {
    return this.#closed || this.#socket.destroyed;
  }

  /** {@link send} has found no room, and there is none yet. */
  get isBehind(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Reports events to this user from now on; a connection that is closed already is reported at once. */
  use(user: ConnectionUser): void {
    this.#user = user;
    if (this.isClosed) user.closed(this.#failure);
  }

  /** The connection is idle: any byte that arrives closes it. */
  rest(): void {
    this.#user = undefined;
    // Bytes that arrived after the last user stopped reading have paused the socket: its end would not be noticed.
    this.#socket.resume();
  }

  /** Goes out as one piece. False where no more should be sent until there is room. */
  send(...pieces: readonly (string | Uint8Array)[]): boolean {
    const socket = this.#socket;
    let hasRoom = true;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) {
      hasRoom = typeof piece === "string" ? socket.write(piece, "latin1") : socket.write(piece);
    }
    if (pieces.length > 1) socket.uncork();
    return hasRoom;
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Its user is told, where it has one. */
  destroy(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): boolean {
    // A stream still emits what it has buffered after it was destroyed.
    if (this.isClosed) return false;
    if (this.#user === undefined) {
      this.destroy();
      return false;
    }
    const wantsMore = this.#user.receive(bytes);
    if (!wantsMore) this.#socket.pause();
    return wantsMore;
  }

  #onClose(): void {
    this.#closed = true;
    this.#user?.closed(this.#failure);
  }
}
