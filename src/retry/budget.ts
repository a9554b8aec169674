/**
 * Repetitions that a whole run may spend: enough to get through every passing trouble, and not enough to wait for a
 * store that fails again and again. Each call that succeeds gives one back.
 */
export class RetryBudget {
  readonly #capacity: number;
  #left: number;

  constructor(capacity = 100) {
    this.#capacity = capacity;
    this.#left = capacity;
  }

  /** False when all is spent. */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  earn(): void {
    this.#left = Math.min(this.#capacity, this.#left + 1);
  }
}
