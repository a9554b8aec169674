import type { Kms } from "../../src/encryption/encryption.ts";
import { AppError } from "../../src/errors.ts";
import { sampleBytes } from "./sample-bytes.ts";

export interface MemoryKms extends Kms {
  /** In the order in which they came. */
  readonly calls: ("generate" | "decrypt")[];
}

/** A KMS in this process's memory: every wrapped key is its own, for the context that it was made with. */
export function memoryKms(): MemoryKms {
  const made = new Map<string, { readonly dataKey: Uint8Array; readonly context: string }>();
  const calls: MemoryKms["calls"] = [];
  return {
    calls,
    async generateDataKey(_keyId, context) {
      calls.push("generate");
      const [dataKey, wrappedKey] = [sampleBytes(32, made.size), sampleBytes(150, 1000 + made.size)];
      made.set(wrappedKey.toString("hex"), { dataKey, context: JSON.stringify(context) });
      return { dataKey, wrappedKey };
    },
    async decrypt(wrappedKey, context) {
      calls.push("decrypt");
      const known = made.get(Buffer.from(wrappedKey).toString("hex"));
      if (known?.context === JSON.stringify(context)) return known.dataKey;
      throw new AppError("corrupt", "the KMS does not know this wrapped key in this context");
    },
  };
}
