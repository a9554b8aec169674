/** As manifests name them. */
export type HashAlgorithm = "SHA-256" | "CRC" | "NONE";

export interface Hasher {
  /** Hashes chunks in the order of the calls. It is done with the chunk when it resolves, or at once where it gives nothing. */
  update(chunk: Uint8Array): Promise<void> | undefined;
  /** As manifests write it: SHA-256 in lower-case hex, CRC-32 as a decimal number, nothing for NONE. Ask once. */
  digest(): Promise<string | undefined>;
  /** No digest is wanted any more; after one, this does nothing. */
  leave(): void;
}
