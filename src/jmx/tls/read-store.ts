import { readFile } from "node:fs/promises";
import { AppError, fileError } from "../../errors.ts";
import { isJks, parseJks } from "./jks.ts";
import { parsePem } from "./pem.ts";
import type { StoreContent, StoreFile } from "./store.ts";

/** Throws `not-found`, `io`, `unauthorized` for a wrong password, `unsupported` or `corrupt` for other content. */
export async function readStore(file: StoreFile): Promise<StoreContent> {
  const bytes = await readBytes(file.path);
  if (isJks(bytes)) return parseJks(bytes, file);
  if (bytes.includes("-----BEGIN ")) return parsePem(bytes.toString("latin1"), file);
  if (bytes[0] === 0x30) {
    // Only here, because the library is large.
    const { parsePkcs12 } = await import("./pkcs12.ts");
    return parsePkcs12(bytes, file);
  }
  throw new AppError("unsupported", `${file.path} is neither pem, pkcs12 nor jks`, {
    hint: "convert it: keytool -importkeystore -deststoretype pkcs12",
  });
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileError(error, `read ${path}`);
  }
}
