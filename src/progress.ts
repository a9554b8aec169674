/** Where an operation tells how far it is; what is shown of it, and where, is the listener's affair. */
export interface Progress {
  /** A stretch of work begins; ends the one before. Totals are what is known to lie ahead. */
  start(stretch: { readonly label: string; readonly totalBytes: number; readonly totalFiles: number }): void;
  /** Bytes moved. */
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
