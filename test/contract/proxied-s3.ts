import type { S3Integrity } from "../../src/storage/s3/options.ts";
import type { ObjectStore } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";
import {
  besideInHeaders,
  mebibyte,
  type ProxiedOptions,
  type ProxiedStore,
  type Refusals,
  type RequestKind,
} from "./proxied-store.ts";

/** The smallest that servers take. */
export const partBytes = 5 * mebibyte;

const proofs: readonly S3Integrity[] = ["crc32-trailer", "signed-chunks", "hash-first"];

const kinds: Readonly<Record<string, RequestKind>> = {
  "PUT object": "put",
  "GET object": "get",
  "HEAD object": "stat",
  "GET bucket list-type": "list",
  "POST bucket delete": "delete",
  "POST object uploads": "begin",
  "PUT object partNumber uploadId": "piece",
  "POST object uploadId": "end",
};

function kindOf({ method, url, headers }: SeenRequest): string {
  const { pathname, searchParams } = new URL(url, "http://h");
  const what = /^\/[^/]+\/./.test(pathname) ? "object" : "bucket";
  const query = [...searchParams.keys()].filter((name) =>
    /^(uploads|uploadId|partNumber|delete|list-type|tagging)$/.test(name),
  );
  const copy = headers["x-amz-copy-source"] === undefined ? [] : ["copy"];
  const onWire = [method, what, ...query, ...copy].join(" ");
  return kinds[onWire] ?? onWire;
}

export const xmlError = (code: string) =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Said so.</Message><Region>eu-central-1</Region></Error>`;

const headers = { "content-type": "application/xml" };

const refusals: Refusals = {
  answer: (_, status, code) => ({ kind: "answer", status, body: code === "" ? "<html>" : xmlError(code), headers }),
  coded: [
    [503, "SlowDown", "throttled", true],
    [429, "TooManyRequests", "throttled", true],
    [500, "InternalError", "storage", true],
    [400, "RequestTimeout", "storage", true],
    [409, "OperationAborted", "storage", true],
    [403, "AccessDenied", "unauthorized", false],
    [403, "InvalidAccessKeyId", "unauthorized", false],
    [403, "RequestTimeTooSkewed", "unauthorized", false],
    [404, "NoSuchBucket", "not-found", false],
    [301, "PermanentRedirect", "usage", false],
    [400, "AuthorizationHeaderMalformed", "usage", false],
    [400, "InvalidStorageClass", "storage", false],
    [403, "InvalidObjectState", "storage", false],
    [501, "NotImplemented", "unsupported", false],
  ],
  toldWithoutBody: false,
  denied: {
    code: "AccessDenied",
    write: "the credentials need the permission s3:PutObject",
    look: "the credentials need the permission s3:GetObject and s3:ListBucket",
    bucket: "the credentials need the permission s3:ListBucket",
  },
  deletion: () => {
    const row = (key: string, code: string) =>
      `<Error><Key>${key}</Key><Code>${code}</Code><Message>m</Message></Error>`;
    const rows = [row("a", "AccessDenied"), row("b", "InternalError"), row("c", "NoSuchKey")];
    return { kind: "answer", status: 200, body: `<DeleteResult>${rows.join("")}</DeleteResult>`, headers };
  },
};

export function proxiedS3(server: ObjectStore): ProxiedStore {
  const open = ({ proof, inPieces, settings = {}, ...rest }: ProxiedOptions = {}) => {
    const integrity = proofs.find((one) => one === proof);
    return openS3(server, {
      ...rest,
      ...(integrity === undefined ? {} : { dialect: { integrity } }),
      ...(inPieces === true ? { partBytes } : {}),
      s3: settings,
    });
  };
  return {
    open,
    kindOf,
    refusals,
    proofs,
    pieces: { sizeBytes: partBytes, endCarriesBytes: false, provedAlone: true, asksAfterFailure: false },
    idleMs: 300,
    sendsAll: true,
    needsToken: false,
    openWithWrongKey: (AWS_SECRET_KEY) => {
      const { AWS_ACCESS_KEY_ID } = server.credentials;
      return openS3(server, { bucket: "bbb", s3: { environment: { AWS_ACCESS_KEY_ID, AWS_SECRET_KEY } } });
    },
    listing: { objects: 2100, pages: 3, deletions: 3 },
    storageClass: { name: "STANDARD_IA", shown: "STANDARD_IA", onlyLarge: true },
    beside: async (opened, key) => {
      const makes = (request: SeenRequest) => ["put", "begin"].includes(kindOf(request));
      return besideInHeaders(opened, makes, { key, classHeader: "x-amz-storage-class", tagsHeader: "x-amz-tagging" });
    },
    // A copy onto itself keeps its date on this server.
    renewal: ["stat", "GET object tagging", "begin", "PUT object partNumber uploadId copy", "end"],
    tickMs: 1000,
    largestBytes: 10_000 * 5 * 1024 * mebibyte,
  };
}
