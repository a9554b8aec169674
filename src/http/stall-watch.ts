/** Ends what makes no progress. Time counts only while it is running, so that a slow consumer or source is no stall. */
export class StallWatch {
  readonly #timer: NodeJS.Timeout;
  #running = true;
  #stopped = false;

  /** Begins to run at once. */
  constructor(ms: number, onStall: () => void) {
    this.#timer = setTimeout(() => {
      if (this.#running) onStall();
    }, ms);
  }

  /** The other side is waited for from now on. */
  run(): void {
    this.#running = true;
    this.moved();
  }

  moved(): void {
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
