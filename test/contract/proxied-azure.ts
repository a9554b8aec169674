import type { Azurite } from "../harness/azurite.ts";
import { openAzure } from "../harness/opened-azure.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";
import {
  besideInHeaders,
  mebibyte,
  type ProxiedOptions,
  type ProxiedStore,
  type Refusals,
  type RequestKind,
} from "./proxied-store.ts";

export const blockBytes = mebibyte;

const kinds: Readonly<Record<string, RequestKind>> = {
  "PUT blob": "put",
  "GET blob": "get",
  "HEAD blob": "stat",
  "GET container list": "list",
  "POST container batch": "delete",
  "GET blob blocklist uncommitted": "begin",
  "PUT blob block": "piece",
  "PUT blob blocklist": "end",
};

function kindOf({ method, url }: SeenRequest): string {
  const { pathname, searchParams } = new URL(url, "http://h");
  // The account comes first.
  const what = /^\/[^/]+\/[^/]+\/./.test(pathname) ? "blob" : "container";
  const query = [searchParams.get("comp"), searchParams.get("blocklisttype")].filter((value) => value !== null);
  const onWire = [method, what, ...query].join(" ");
  return kinds[onWire] ?? onWire;
}

const refusals: Refusals = {
  answer: (_, status, code) => {
    // What follows the first line of the message identifies the request.
    const message = "Said so.\nRequestId:1\nTime:2";
    const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
    const told: Record<string, string> = code === "" ? {} : { "x-ms-error-code": code };
    const headers = { "content-type": "application/xml", ...told };
    return { kind: "answer", status, body: code === "" ? "<html>" : xml, headers };
  },
  coded: [
    [503, "ServerBusy", "throttled", true],
    [500, "InternalError", "storage", true],
    [500, "OperationTimedOut", "storage", true],
    [409, "ContainerBeingDeleted", "storage", true],
    [403, "AuthenticationFailed", "unauthorized", false],
    [403, "AuthorizationPermissionMismatch", "unauthorized", false],
    [404, "ContainerNotFound", "not-found", false],
    [400, "Md5Mismatch", "corrupt", true],
    [400, "InvalidHeaderValue", "storage", false],
    [409, "BlobArchived", "storage", false],
    [412, "LeaseIdMissing", "storage", false],
    [501, "NotImplemented", "unsupported", false],
  ],
  toldWithoutBody: true,
  denied: {
    code: "AuthorizationPermissionMismatch",
    write: "Storage Blob Data Contributor",
    look: "Storage Blob Data Reader",
    bucket: "Storage Blob Data Reader",
  },
  deletion: () => {
    const row = (id: number, status: string, code: string) => {
      const told = code === "" ? "" : `x-ms-error-code: ${code}\r\n`;
      const head = `--b\r\nContent-Type: application/http\r\nContent-ID: ${id}\r\n\r\n`;
      return `${head}HTTP/1.1 ${status}\r\n${told}x-ms-version: 1\r\n\r\n`;
    };
    const rows = [
      row(0, "403 No", "AuthorizationPermissionMismatch"),
      row(1, "500 Failed", "InternalError"),
      row(2, "404 Gone", "BlobNotFound"),
      row(3, "202 Accepted", ""),
    ];
    const headers = { "content-type": "multipart/mixed; boundary=b", "x-ms-request-id": "1" };
    return { kind: "answer", status: 202, body: `${rows.join("")}--b--`, headers };
  },
};

export function proxiedAzure(server: Azurite): ProxiedStore {
  const open = ({ bucket, proof: _, inPieces, settings = {}, ...rest }: ProxiedOptions = {}) =>
    openAzure(server, {
      ...rest,
      ...(bucket === undefined ? {} : { container: bucket }),
      ...(inPieces === true ? { blockBytes } : {}),
      settings,
    });
  return {
    open,
    kindOf,
    refusals,
    proofs: ["MD5"],
    pieces: { sizeBytes: blockBytes, endCarriesBytes: false, provedAlone: true, asksAfterFailure: false },
    idleMs: 1000,
    sendsAll: true,
    needsToken: false,
    openWithWrongKey: (secret) => {
      const environment = { ...server.credentials, AZURE_STORAGE_KEY: secret };
      return openAzure(server, { container: "ccc", settings: { environment } });
    },
    listing: { objects: 600, pages: 1, deletions: 3 },
    storageClass: { name: "cool", shown: "Cool", onlyLarge: true },
    beside: async (opened, key) => {
      const makes = (request: SeenRequest) => ["put", "end"].includes(kindOf(request));
      return besideInHeaders(opened, makes, { key, classHeader: "x-ms-access-tier", tagsHeader: "x-ms-tags" });
    },
    renewal: ["stat", "PUT blob metadata"],
    tickMs: 1000,
    largestBytes: 50_000 * 4000 * mebibyte,
  };
}
