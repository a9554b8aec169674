import { Attempts, defaultRetryPolicy } from "../../retry/retry.ts";
import type { Kms, KmsClient, KmsClientOptions } from "./kms.ts";

/**
 * The AWS KMS, or what speaks its protocol. Loads the libraries of AWS and looks for credentials with the first call; a call that
 * failed with a retryable error is made again. Throws `unauthorized` where the key or the credentials do not let us,
 * `corrupt` for a wrapped key that is not of this KMS or not of this context, `throttled`, `unreachable`, `timeout`,
 * and `usage` for settings that cannot be right.
 */
export function kmsClient(options: KmsClientOptions): KmsClient {
  const { clock, random, log, retry = defaultRetryPolicy } = options;
  let opening: Promise<KmsClient> | undefined;
  const open = () => {
    opening ??= import("./wire.ts").then(({ openKms }) => openKms(options));
    return opening;
  };
  const tried = <T>(what: string, signal: AbortSignal | undefined, work: (kms: Kms) => Promise<T>) =>
    new Attempts(what, signal, { ...retry, clock, random, log }).run(async () => work(await open()));
  return {
    generateDataKey: (keyId, context, signal) =>
      tried("get a data key", signal, (kms) => kms.generateDataKey(keyId, context, signal)),
    decrypt: (wrappedKey, context, keyId, signal) =>
      tried("unwrap a data key", signal, (kms) => kms.decrypt(wrappedKey, context, keyId, signal)),
    close: async () => {
      // A client that failed to open has nothing to close, and its callers have the error.
      const kms = await opening?.catch(() => undefined);
      await kms?.close();
    },
  };
}
