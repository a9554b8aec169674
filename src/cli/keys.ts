import { randomBytes } from "node:crypto";
import { type Keys, openKeys } from "../encryption/encryption.ts";
import type { EncryptionKey } from "../request/request.ts";
import type { CommandContext } from "./command.ts";

/** What the operator gave to encrypt and decrypt with; read when it is first needed. */
export function requestedKeys(
  { encryptionKey }: { readonly encryptionKey?: EncryptionKey | undefined },
  { clock }: CommandContext,
): Keys {
  return openKeys({ secret: encryptionKey, clock, random: randomBytes });
}
