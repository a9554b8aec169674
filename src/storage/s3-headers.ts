import { createHash } from "node:crypto";
import type { S3Client } from "@aws-sdk/client-s3";
import { AppError } from "../errors.ts";
import type { ObjectHeaders } from "./s3-context.ts";
import { minClassBytes, readCustomerKey, type S3Options } from "./s3-options.ts";

/** Reads the customer's key, if there is one. */
export async function objectHeaders(options: S3Options): Promise<ObjectHeaders> {
  const { encryption, storageClass, tags = {} } = options;
  const key = encryption?.kind === "customer" ? await readCustomerKey(encryption.keyFile) : undefined;
  if (key !== undefined && options.insecureHttp === true) {
    throw new AppError("usage", "a customer's key would go over HTTP", { hint: "leave out --insecure-http" });
  }
  const customerKey = key === undefined ? {} : customerHeaders("x-amz-server-side-encryption", key);
  const always = {
    ...serverSide(options),
    ...customerKey,
    ...(Object.keys(tags).length === 0 ? {} : { "x-amz-tagging": new URLSearchParams(tags).toString() }),
  };
  const withClass = storageClass === undefined ? always : { ...always, "x-amz-storage-class": storageClass };
  return {
    created: (sizeBytes) => (sizeBytes < minClassBytes ? always : withClass),
    customerKey,
    copySource: key === undefined ? {} : customerHeaders("x-amz-copy-source-server-side-encryption", key),
  };
}

function serverSide({ encryption }: S3Options): Record<string, string> {
  const name = "x-amz-server-side-encryption";
  if (encryption?.kind === "s3") return { [name]: "AES256" };
  if (encryption?.kind !== "kms") return {};
  const { keyId } = encryption;
  return { [name]: "aws:kms", ...(keyId === undefined ? {} : { [`${name}-aws-kms-key-id`]: keyId }) };
}

function customerHeaders(prefix: string, key: Buffer): Record<string, string> {
  return {
    [`${prefix}-customer-algorithm`]: "AES256",
    [`${prefix}-customer-key`]: key.toString("base64"),
    [`${prefix}-customer-key-md5`]: createHash("md5").update(key).digest("base64"),
  };
}

type Sendable = Parameters<S3Client["send"]>[0];

/** Adds headers to a command of the SDK before it is signed. */
export function addHeaders<Command extends Sendable>(command: Command, headers: Readonly<Record<string, string>>): Command {
  command.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (typeof request === "object" && request !== null && "headers" in request) {
        Object.assign(request.headers ?? {}, headers);
      }
      return next(args);
    },
    { step: "build", priority: "low" },
  );
  return command;
}
