/** Ends what makes no progress. Time counts only while it is running, so that a slow consumer or source is no stall. */
export class StallWatch {
  readonly #timer: NodeJS.Timeout;
  #running = true;

  /** Begins to run at once. */
  constructor(ms: number, onStall: () => void) {
    this.#timer = setTimeout(() => {
      if (this.#running) onStall();
    }, ms);
  }

  /** Something moved, or the other side is waited for from now on. */
  run(): void {
    this.#running = true;
    this.#timer.refresh();
  }

  pause(): void {
    this.#running = false;
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }
}
