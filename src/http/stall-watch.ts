/** A response that arrives more slowly counts as stalled. */
const leastBytesPerSecond = 256;

/** Ends what makes no progress. Time counts only while it is running, so that a slow consumer or source is no stall. */
export class StallWatch {
  readonly #timer: NodeJS.Timeout;
  /** Of bytes received, to count as a move. */
  readonly #leastBytes: number;
  #bytes = 0;
  #running = true;
  #stopped = false;

  /** Begins to run at once. */
  constructor(ms: number, onStall: () => void) {
    this.#leastBytes = (leastBytesPerSecond * ms) / 1000;
    this.#timer = setTimeout(() => {
      if (this.#running) onStall();
    }, ms);
  }

  /** The other side is waited for from now on. */
  run(): void {
    this.#running = true;
    this.moved();
  }

  /** So many bytes have been received. */
  came(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= this.#leastBytes) this.moved();
  }

  moved(): void {
    this.#bytes = 0;
    if (!this.#stopped) this.#timer.refresh();
  }

  pause(): void {
    this.#running = false;
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
