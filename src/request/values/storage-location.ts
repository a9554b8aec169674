/**
 * Where backups lie: `protocol://bucket/cluster/datacenter/node`, or `protocol://bucket` to be completed from the
 * running node. For `file` the bucket is a directory below a root: the last four segments of the path are bucket,
 * cluster, datacenter and node; a path of one to three segments names a bucket alone.
 */
import { AppError } from "../../errors.ts";
import { nearest } from "../options/nearest.ts";
import type { ValueKind } from "../options/option.ts";

export const protocols = ["s3", "minio", "ceph", "oracle", "azure", "gcp", "file"] as const;
export type Protocol = (typeof protocols)[number];

/** S3 and its dialects. */
export function speaksS3(protocol: Protocol): boolean {
  return ["s3", "minio", "ceph", "oracle"].includes(protocol);
}

/** The node that a location belongs to: the three segments below the bucket. */
export interface LocationNode {
  readonly cluster: string;
  readonly datacenter: string;
  readonly node: string;
}

export interface StorageLocation {
  readonly protocol: Protocol;
  /** Only for `file`: absolute directory that holds the bucket, without trailing slash unless it is "/". */
  readonly root?: string | undefined;
  readonly bucket: string;
  /** Absent until the location has been completed. */
  readonly node?: LocationNode;
}

export interface CompleteLocation extends StorageLocation {
  readonly node: LocationNode;
}

const nodeForm = "bucket/cluster/datacenter/node";

function formHint(protocol: Protocol): string {
  const start = protocol === "file" ? "file:///root/" : `${protocol}://`;
  return `write ${start}${nodeForm}, or ${start}bucket to take the rest from the running node`;
}

function refuse(text: string, why: string, hint: string): never {
  throw new AppError("usage", `'${text}' is not a storage location: ${why}`, { hint });
}

/** Throws `usage` with a sentence of its own for each way of being wrong. A single trailing slash is dropped. */
export function parseStorageLocation(text: string): StorageLocation {
  const example = `write protocol://${nodeForm} with a protocol of ${protocols.join(", ")}`;
  if (text.trim() === "") throw new AppError("usage", "the storage location is empty", { hint: example });
  if (/[\s\p{Cc}]/u.test(text)) {
    refuse(text, "it holds blanks or control characters", "write - in place of the blanks of a cluster's name");
  }
  const separator = text.indexOf("://");
  if (separator === -1) refuse(text, "there is no :// after the protocol", missingProtocolHint(text) ?? example);
  const word = text.slice(0, separator);
  const protocol = protocolOf(word);
  if (protocol === undefined) {
    refuse(text, `'${word}' is not a protocol`, foreignProtocolHint(word.toLowerCase()) ?? example);
  }
  const path = text.slice(separator + 3).replace(/\/$/, "");
  if (/[?#\\]/.test(path)) {
    refuse(text, "it holds '?', '#' or a backslash", "settings of a store come from flags and environment variables");
  }
  return protocol === "file" ? parseFilePath(text, path) : parseBucketPath(text, protocol, path);
}

/** What other tools call the protocols, where the rest of the location has the same form. */
const otherNames: Readonly<Record<string, Protocol>> = { gs: "gcp", gcs: "gcp", az: "azure", s3a: "s3", s3n: "s3" };

function protocolOf(word: string): Protocol | undefined {
  const lower = word.toLowerCase();
  return (
    protocols.find((known) => known === lower) ?? (Object.hasOwn(otherNames, lower) ? otherNames[lower] : undefined)
  );
}

function missingProtocolHint(text: string): string | undefined {
  const path = text.replace(/^file:/i, "");
  if (path.startsWith("/")) return `a directory is written as file://${path.replace(/^\/+/, "/")}`;
  if (/^(?:\.{1,2}|~)(?:\/|$)/.test(path)) return "a directory is written with its absolute path: file:///mnt/backups";
  const [, word = "", rest = ""] = /^([a-z0-9]+):\/*(.+)$/i.exec(text) ?? [];
  const protocol = protocolOf(word);
  return protocol === undefined || protocol === "file" ? undefined : `did you mean ${protocol}://${rest}`;
}

function foreignProtocolHint(word: string): string | undefined {
  if (/^(?:abfs|wasb)s?$/.test(word)) {
    return "write azure://CONTAINER/cluster/datacenter/node, and name the account by AZURE_STORAGE_ACCOUNT";
  }
  if (/^https?$/.test(word)) return "write s3://, gcp:// or azure://, and name the server by --endpoint";
  const near = nearest(word, protocols);
  return near === undefined ? undefined : `did you mean ${near}://`;
}

function refuseDots(text: string, segments: readonly string[]): void {
  const dots = segments.find((segment) => segment === "." || segment === "..");
  if (dots !== undefined) refuse(text, `'${dots}' cannot be part of it`, "write the path in full");
}

function parseBucketPath(text: string, protocol: Protocol, path: string): StorageLocation {
  const segments = path.split("/");
  const hint = formHint(protocol);
  const [bucket = "", cluster, datacenter, node] = segments;
  if (bucket === "") refuse(text, "the bucket is missing", hint);
  if (cluster === undefined) {
    refuseDots(text, segments);
    return { protocol, bucket };
  }
  if (segments.length > 4) refuse(text, `after the node there is more: '${segments.slice(4).join("/")}'`, hint);
  return { protocol, bucket, node: parseNode(text, { cluster, datacenter, node }, segments, hint) };
}

function parseNode(
  text: string,
  parts: { cluster?: string | undefined; datacenter?: string | undefined; node?: string | undefined },
  segments: readonly string[],
  hint: string,
): LocationNode {
  const { cluster = "", datacenter = "", node = "" } = parts;
  if (cluster === "") refuse(text, "the cluster is missing", hint);
  if (datacenter === "") refuse(text, "the datacenter is missing", hint);
  if (node === "") refuse(text, "the node is missing", hint);
  refuseDots(text, segments);
  return { cluster, datacenter, node };
}

function parseFilePath(text: string, path: string): StorageLocation {
  const hint = formHint("file");
  if (path === "" || path === "/") refuse(text, "the bucket is missing", hint);
  if (!path.startsWith("/")) {
    refuse(text, "its path is relative", `an absolute path needs three slashes: file:///${path}`);
  }
  const segments = path.slice(1).split("/");
  if (segments.length < 4) {
    if (segments.includes("")) refuse(text, "a segment of its path is empty", hint);
    refuseDots(text, segments);
    return { protocol: "file", root: `/${segments.slice(0, -1).join("/")}`, bucket: segments.at(-1) ?? "" };
  }
  const [bucket = "", cluster, datacenter, node] = segments.slice(-4);
  if (bucket === "") refuse(text, "the bucket is missing", hint);
  const parsed = parseNode(text, { cluster, datacenter, node }, segments, hint);
  const root = segments.slice(0, -4);
  if (root.includes("")) refuse(text, "a segment of its path is empty", hint);
  return { protocol: "file", root: `/${root.join("/")}`, bucket, node: parsed };
}

/** The text that {@link parseStorageLocation} takes back to the same location. */
export function formatStorageLocation(location: StorageLocation): string {
  const root = location.root === undefined || location.root === "/" ? "" : location.root;
  const slash = location.protocol === "file" ? "/" : "";
  const node = location.node;
  const below = node === undefined ? "" : `/${node.cluster}/${node.datacenter}/${node.node}`;
  return `${location.protocol}://${root}${slash}${location.bucket}${below}`;
}

/**
 * A location of a bucket alone, filled in with what the running node says of itself; any other is returned as it is.
 * Runs of white space in the cluster's name become "-". Throws `usage` when a name cannot be part of a path.
 */
export function completeLocation(
  location: StorageLocation,
  node: { readonly clusterName: string; readonly datacenter: string; readonly hostId: string },
): CompleteLocation {
  if (location.node !== undefined) return { ...location, node: location.node };
  const completed: LocationNode = {
    cluster: node.clusterName.replace(/\s+/g, "-"),
    datacenter: node.datacenter,
    node: node.hostId,
  };
  for (const [what, name] of Object.entries(completed)) {
    if (name === "" || name === "." || name === ".." || /[\s/\\?#\p{Cc}]/u.test(name)) {
      throw new AppError("usage", `the ${what} '${name}' of the running node cannot be part of a storage location`, {
        hint: `name cluster, datacenter and node yourself: ${formatStorageLocation(location)}/cluster/datacenter/node`,
      });
    }
  }
  return { ...location, node: completed };
}

const refused = String.raw`\s/\\?#\p{Cc}`;
/** A segment of the path, neither "." nor "..". */
const segment = String.raw`(?:\.{0,2}[^.${refused}][^${refused}]*|\.{3}[^${refused}]*)`;
const bucketProtocols = protocols.filter((protocol) => protocol !== "file").join("|");

export const locationKind: ValueKind<StorageLocation> = {
  placeholder: "LOCATION",
  schema: {
    type: "string",
    pattern: `^(?:(?:${bucketProtocols})://${segment}(?:/${segment}/${segment}/${segment})?|file://(?:/${segment})+)/?$`,
  },
  parse: parseStorageLocation,
};
