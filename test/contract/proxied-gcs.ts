import { fieldsOf } from "../../src/http/http.ts";
import { openGcs } from "../harness/opened-gcs.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";
import { mebibyte, type ProxiedOptions, type ProxiedStore, type Refusals, type RequestKind } from "./proxied-store.ts";

export const chunkBytes = mebibyte;

const kinds: Readonly<Record<string, RequestKind>> = {
  "POST upload multipart": "put",
  "GET bytes": "get",
  "GET object": "stat",
  "GET listing": "list",
  "DELETE object": "delete",
  "POST upload resumable": "begin",
  "PUT chunk": "piece",
  "PUT chunk last": "end",
  "PUT chunk of nothing": "question",
};

function kindOf(request: SeenRequest): string {
  const onWire = `${request.method} ${targetOf(request)}`;
  return kinds[onWire] ?? onWire;
}

function targetOf({ url, headers }: SeenRequest): string {
  const { pathname, searchParams } = new URL(url, "http://h");
  if (/^\/upload\/storage\/v1\/b\/[^/]+\/o$/.test(pathname)) {
    if (!searchParams.has("upload_id")) return `upload ${searchParams.get("uploadType")}`;
    const range = /^bytes (?:\*|\d+-(\d+))\/(\d+)$/.exec(headers["content-range"] ?? "");
    if (range?.[1] === undefined) return "chunk of nothing";
    return Number(range[1]) + 1 === Number(range[2]) ? "chunk last" : "chunk";
  }
  if (/^\/storage\/v1\/b\/[^/]+\/o$/.test(pathname)) return "listing";
  if (/^\/storage\/v1\/b\/[^/]+\/o\//.test(pathname)) return pathname.includes("/rewriteTo/") ? "rewrite" : "object";
  return pathname.startsWith("/storage/v1/") ? pathname : "bytes";
}

export const jsonError = (code: number, reason: string) =>
  JSON.stringify({ error: { code, message: "Said so.", errors: [{ reason, message: "Said so." }] } });

/** Bytes are read by the interface that speaks XML. */
function answer(request: SeenRequest, status: number, reason: string) {
  const xml = `<Error><Code>${reason}</Code><Message>Said so.</Message></Error>`;
  const body = reason === "" ? "<html>" : targetOf(request) === "bytes" ? xml : jsonError(status, reason);
  return { kind: "answer", status, body } as const;
}

const refusals: Refusals = {
  answer,
  coded: [
    [503, "backendError", "throttled", true],
    [429, "rateLimitExceeded", "throttled", true],
    [403, "userRateLimitExceeded", "throttled", true],
    [500, "internalError", "storage", true],
    [403, "forbidden", "unauthorized", false],
    [401, "authError", "unauthorized", false],
    [404, "notFound", "not-found", false],
    [403, "retentionPolicyNotMet", "storage", false],
    [501, "notImplemented", "unsupported", false],
  ],
  toldWithoutBody: true,
  denied: {
    code: "forbidden",
    write: "storage.objects.create",
    look: "storage.objects.get",
    bucket: "storage.objects.list",
  },
  deletion: (request) => {
    if (request.url.endsWith("/a")) return answer(request, 403, "forbidden");
    if (request.url.endsWith("/b")) return answer(request, 500, "internalError");
    if (request.url.endsWith("/c")) return answer(request, 404, "notFound");
    return { kind: "answer", status: 204 };
  },
};

export function proxiedGcs(server: { readonly port: number }): ProxiedStore {
  const open = ({ proof: _, inPieces, settings = {}, ...rest }: ProxiedOptions = {}) =>
    openGcs(server, {
      ...rest,
      ...(inPieces === true ? { chunkBytes } : {}),
      options: settings,
    });
  return {
    open,
    kindOf,
    refusals,
    proofs: ["CRC32C"],
    pieces: { sizeBytes: chunkBytes, endCarriesBytes: true, provedAlone: false, asksAfterFailure: true },
    idleMs: 1000,
    sendsAll: true,
    needsToken: true,
    listing: { objects: 2100, pages: 3, deletions: 2101 },
    storageClass: { name: "NEARLINE", shown: "NEARLINE", onlyLarge: false },
    beside: async ({ proxy, bucket }, key) => {
      const response = await fetch(`${proxy.endpoint}/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}`);
      const { storageClass, metadata } = fieldsOf(await response.json());
      return { storageClass, tags: fieldsOf(metadata) };
    },
    renewal: ["stat", "POST rewrite"],
    tickMs: 1,
    largestBytes: 5 * 1024 ** 4,
  };
}
