import { createSecureContext, type SecureContext } from "node:tls";
import { AppError } from "../../errors.ts";
import type { JmxTls } from "../contract.ts";
import type { TlsSettings } from "../rmi/endpoint.ts";
import { readStore } from "./read-store.ts";
import type { StoreContent, StoredKey } from "./store.ts";

/** Reads the stores once. Throws what readStore throws, and `unsupported` for stores without what they must hold. */
export async function loadTls({ truststore, keystore, verifyHostname = true }: JmxTls): Promise<TlsSettings> {
  const trusted = truststore === undefined ? undefined : trustedOf(await readStore(truststore), truststore.path);
  const own = keystore === undefined ? undefined : keyOf(await readStore(keystore), keystore.path);
  return { context: createContext(trusted, own), verifyHostname };
}

/** As Java has it, the certificates of own keys count as trusted too. */
function trustedOf({ certificates, keys }: StoreContent, path: string): string[] {
  const trusted = [...new Set([...certificates, ...keys.flatMap(({ chain }) => chain)])];
  if (trusted.length === 0) throw new AppError("unsupported", `${path} holds no certificate`);
  return trusted;
}

function keyOf({ keys: [key] }: StoreContent, path: string): StoredKey {
  if (key === undefined || key.chain.length === 0) {
    throw new AppError("unsupported", `${path} holds no private key with its certificate`, {
      hint: "a keystore holds the client's own key and certificate; trusted certificates go into the truststore",
    });
  }
  return key;
}

function createContext(trusted: readonly string[] | undefined, own: StoredKey | undefined): SecureContext {
  try {
    return createSecureContext({
      ...(trusted === undefined ? {} : { ca: [...trusted] }),
      ...(own === undefined ? {} : { key: own.key, cert: own.chain.join("") }),
      ...(own?.passphrase === undefined ? {} : { passphrase: own.passphrase }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError("unauthorized", `the tls key or certificate for jmx cannot be used: ${reason}`, {
      hint: "check the password of the keystore, and that key and certificate belong together",
      cause: error,
    });
  }
}
