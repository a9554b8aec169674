/** A stretch of work, with what is known to lie ahead. */
export interface ProgressPlan {
  /** What is going on, as one word or two: "backing up". */
  readonly label: string;
  readonly totalBytes: number;
  readonly totalFiles: number;
}

/** Where an operation tells how far it is; what is shown of it, and where, is the listener's affair. */
export interface Progress {
  /** Ends a plan that is still running. */
  start(plan: ProgressPlan): void;
  /** Bytes moved; negative when a transfer begins again. */
  add(bytes: number): void;
  fileDone(): void;
  done(): void;
}

export const silentProgress: Progress = {
  start: () => undefined,
  add: () => undefined,
  fileDone: () => undefined,
  done: () => undefined,
};
