/**
 * A data key as it lies in the repository: encrypted with keys that are made of what operators keep. The file, JSON:
 *
 *   { "format": "esop data key 1", "id": "1a2b3c4d", "created": 1790000000000, "wrappings": [
 *       { "by": "key", "salt": …, "wrapped": … },
 *       { "by": "passphrase", "N": 131072, "r": 8, "p": 1, "salt": …, "wrapped": … } ] }
 *
 * Any one of the wrappings opens it. `salt` (32 bytes) and `wrapped` (the encrypted data key of 32 bytes and its tag of
 * 16) are in base64. The cipher is AES-256-GCM with a nonce of zeros, since a wrapping key is used once: a fresh salt
 * makes each. Its additional data binds the format, the ID, the time, and how the wrapping key is made.
 */
import { createCipheriv, createDecipheriv, hkdfSync, scrypt } from "node:crypto";
import { AppError } from "../../errors.ts";
import { cipherName, type DataKey, keyBytes, type RandomBytes, saltBytes, tagBytes } from "../format/object-format.ts";
import type { Secret } from "./secret.ts";

export interface WrappedDataKey {
  readonly id: string;
  /** Milliseconds since 1970; backups take the newest data key. */
  readonly createdMs: number;
  readonly wrappings: readonly Wrapping[];
}

export type Wrapping = {
  readonly salt: Buffer;
  readonly wrapped: Buffer;
} & ({ readonly by: "key" } | ({ readonly by: "passphrase" } & ScryptCost));

interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** 128 MiB and about half a second for one guess. */
const scryptCost: ScryptCost = { N: 2 ** 17, r: 8, p: 1 };
/** Bounds for the scrypt parameters of a file. */
const scryptLimits = { memoryBytes: 128 * 1024 * 1024, p: 4 };
export const maxWrappings = 8;
const format = "esop data key 1";
const wrappingInfo = `${format} wrapping`;
const noNonce = Buffer.alloc(12);

export async function wrapDataKey(
  dataKey: DataKey,
  createdMs: number,
  secret: Secret,
  random: RandomBytes,
): Promise<Wrapping> {
  const how = secret.kind === "key" ? ({ by: "key" } as const) : ({ by: "passphrase", ...scryptCost } as const);
  const salt = Buffer.from(random(saltBytes));
  const cipher = createCipheriv(cipherName, await wrappingKey(secret, how, salt), noNonce);
  cipher.setAAD(boundTo(dataKey.id, createdMs, how));
  return { ...how, salt, wrapped: Buffer.concat([cipher.update(dataKey.key), cipher.final(), cipher.getAuthTag()]) };
}

/** The data key, and the wrapping that this secret opens; undefined where it opens none. */
export async function unwrapDataKey(
  { id, createdMs, wrappings }: WrappedDataKey,
  secret: Secret,
): Promise<{ readonly dataKey: DataKey; readonly wrapping: Wrapping } | undefined> {
  for (const wrapping of wrappings) {
    if (wrapping.by !== secret.kind) continue;
    const decipher = createDecipheriv(cipherName, await wrappingKey(secret, wrapping, wrapping.salt), noNonce);
    decipher.setAAD(boundTo(id, createdMs, wrapping));
    decipher.setAuthTag(wrapping.wrapped.subarray(keyBytes));
    const key = decipher.update(wrapping.wrapped.subarray(0, keyBytes));
    try {
      decipher.final();
      return { dataKey: { id, key }, wrapping };
    } catch {
      // This wrapping is of another secret.
    }
  }
  return undefined;
}

type How = { readonly by: "key" } | ({ readonly by: "passphrase" } & ScryptCost);

function boundTo(id: string, createdMs: number, how: How): Buffer {
  const made = how.by === "key" ? ["key"] : ["passphrase", how.N, how.r, how.p];
  return Buffer.from([format, id, createdMs, ...made].join(" "));
}

function wrappingKey(secret: Secret, how: How, salt: Uint8Array): Promise<Buffer> {
  if (how.by === "key") {
    return Promise.resolve(Buffer.from(hkdfSync("sha256", secret.bytes, salt, wrappingInfo, keyBytes)));
  }
  const { N, r, p } = how;
  const options = { N, r, p, maxmem: scryptLimits.memoryBytes + 128 * r * (p + 2) };
  return new Promise((resolve, reject) => {
    scrypt(secret.bytes, salt, keyBytes, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

export function formatDataKey({ id, createdMs, wrappings }: WrappedDataKey): string {
  const shown = wrappings.map(({ salt, wrapped, ...how }) => ({
    ...how,
    salt: salt.toString("base64"),
    wrapped: wrapped.toString("base64"),
  }));
  return `${JSON.stringify({ format, id, created: createdMs, wrappings: shown }, undefined, 2)}\n`;
}

/** Throws `corrupt`, and `unsupported` for a later format. */
export function parseDataKey(text: string, id: string): WrappedDataKey {
  const value = record(parseJson(text, id), id);
  if (
    typeof value["format"] === "string" &&
    value["format"] !== format &&
    value["format"].startsWith("esop data key")
  ) {
    throw new AppError("unsupported", `data key ${id} is in the format '${value["format"]}'`, {
      hint: "use a later version of esop",
    });
  }
  const { format: named, created, wrappings } = value;
  const valid =
    named === format &&
    value["id"] === id &&
    isCount(created) &&
    Array.isArray(wrappings) &&
    wrappings.length > 0 &&
    wrappings.length <= maxWrappings;
  if (!valid) throw damaged(id);
  return { id, createdMs: created, wrappings: wrappings.map((each) => parseWrapping(each, id)) };
}

function parseJson(text: string, id: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(id, error);
  }
}

function parseWrapping(value: unknown, id: string): Wrapping {
  const { by, N, r, p, salt, wrapped } = record(value, id);
  const bytes = { salt: bytesOf(salt, saltBytes, id), wrapped: bytesOf(wrapped, keyBytes + tagBytes, id) };
  if (by === "key") return { by, ...bytes };
  if (by === "passphrase" && isCount(N) && isCount(r) && isCount(p) && isAffordable({ N, r, p })) {
    return { by, N, r, p, ...bytes };
  }
  throw damaged(id);
}

/** Numbers that scrypt takes, and for which this process has memory and time. */
function isAffordable({ N, r, p }: ScryptCost): boolean {
  const fits = N >= 2 && Number.isInteger(Math.log2(N)) && N < 2 ** (16 * r);
  return fits && r >= 1 && 128 * N * r <= scryptLimits.memoryBytes && p >= 1 && p <= scryptLimits.p;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function bytesOf(value: unknown, sizeBytes: number, id: string): Buffer {
  const bytes = Buffer.from(typeof value === "string" ? value : "", "base64");
  if (bytes.length !== sizeBytes || bytes.toString("base64") !== value) throw damaged(id);
  return bytes;
}

function record(value: unknown, id: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw damaged(id);
  return { ...value };
}

function damaged(id: string, cause?: unknown): AppError {
  return new AppError("corrupt", `the file of data key ${id} is damaged`, {
    hint: "bring it back from a copy, or from a former version in the bucket: without it nothing under this key opens",
    cause,
  });
}
