import { randomBytes } from "node:crypto";
import { type Keys, openKeys, type SecretSource } from "../../src/encryption/encryption.ts";
import { ManualClock } from "./manual-clock.ts";

/** The keys of one run of a test; with none, nothing is encrypted. */
export function openTestKeys(secret?: SecretSource, clock = new ManualClock()): Keys {
  return openKeys({ secret, clock, random: randomBytes });
}
