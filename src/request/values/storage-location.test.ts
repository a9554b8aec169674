import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "../../errors.ts";
import {
  completeLocation,
  formatStorageLocation,
  parseStorageLocation,
  protocols,
  type StorageLocation,
} from "./storage-location.ts";

const node = { cluster: "c", datacenter: "d", node: "n" };

describe("parseStorageLocation", () => {
  it.each<[string, StorageLocation]>([
    ["s3://b/c/d/n", { protocol: "s3", bucket: "b", node }],
    ["s3://b/c/d/n/", { protocol: "s3", bucket: "b", node }],
    ["azure://b", { protocol: "azure", bucket: "b" }],
    ["S3://b", { protocol: "s3", bucket: "b" }],
    ["gs://b/c/d/n", { protocol: "gcp", bucket: "b", node }],
    ["az://b", { protocol: "azure", bucket: "b" }],
    ["s3a://b", { protocol: "s3", bucket: "b" }],
    ["gcp://b/", { protocol: "gcp", bucket: "b" }],
    ["file:///tmp/some/path/b/c/d/n", { protocol: "file", root: "/tmp/some/path", bucket: "b", node }],
    ["file:///b/c/d/n", { protocol: "file", root: "/", bucket: "b", node }],
    ["file:///mnt/nas/backups", { protocol: "file", root: "/mnt/nas", bucket: "backups" }],
    ["file:///backups/", { protocol: "file", root: "/", bucket: "backups" }],
  ])("reads %s", (text, location) => {
    expect(parseStorageLocation(text)).toEqual(location);
  });

  it.each([
    ["", "is empty"],
    ["  ", "is empty"],
    ["s3:/b/c/d/n", "there is no :// after the protocol"],
    ["b/c/d/n", "there is no :// after the protocol"],
    ["ftp://b/c/d/n", "'ftp' is not a protocol"],
    ["://b/c/d/n", "'' is not a protocol"],
    ["s3://", "the bucket is missing"],
    ["s3:///c/d/n", "the bucket is missing"],
    ["s3://b//", "the cluster is missing"],
    ["s3://b//d/n", "the cluster is missing"],
    ["s3://b/c", "the datacenter is missing"],
    ["s3://b/c//n", "the datacenter is missing"],
    ["s3://b/c/d", "the node is missing"],
    ["s3://b/c/d//", "the node is missing"],
    ["s3://b/c/d/n/x/y", "after the node there is more: 'x/y'"],
    ["s3://b/../d/n", "'..' cannot be part"],
    ["s3://.", "'.' cannot be part"],
    ["s3://b/c d/d/n", "blanks or control characters"],
    ["s3://b/c/d/n\u0007", "blanks or control characters"],
    ["s3://b/c/d/n?region=x", "'?', '#' or a backslash"],
    ["s3://b/c/d/n#x", "'?', '#' or a backslash"],
    ["s3://b/c\\d/d/n", "'?', '#' or a backslash"],
    ["file://tmp/b/c/d/n", "its path is relative"],
    ["file://", "the bucket is missing"],
    ["file:///", "the bucket is missing"],
    ["file:////b", "a segment of its path is empty"],
    ["file:///a//b/c/d/n", "a segment of its path is empty"],
    ["file:///x//c/d/n", "the bucket is missing"],
    ["file:///x/b/c/d//", "the node is missing"],
    ["file:///x/../b/c/d/n", "'..' cannot be part"],
    ["file:///../b", "'..' cannot be part"],
  ])("refuses '%s': %s", (text, complaint) => {
    expect(() => parseStorageLocation(text)).toThrow(complaint);
    expect(() => parseStorageLocation(text)).toThrow(
      expect.objectContaining({ code: "usage", hint: expect.any(String) }),
    );
  });

  it.each([
    ["/mnt/backups", "a directory is written as file:///mnt/backups"],
    ["file:/mnt/backups", "a directory is written as file:///mnt/backups"],
    ["./backups", "file:///"],
    ["s3:/b/c/d/n", "did you mean s3://b/c/d/n"],
    ["gs:b", "did you mean gcp://b"],
    ["abfs://c@acc.dfs.core.windows.net/x", "write azure://CONTAINER/"],
    ["wasbs://c@acc.blob.core.windows.net/x", "write azure://CONTAINER/"],
    ["https://s3.example/b", "--endpoint"],
    ["miniio://b", "did you mean minio://"],
  ])("hints at what %s means", (text, hint) => {
    expect(() => parseStorageLocation(text)).toThrow(
      expect.objectContaining({ code: "usage", hint: expect.stringContaining(hint) }),
    );
  });

  it("shows the missing slash of a relative path", () => {
    expect(() => parseStorageLocation("file://tmp/b")).toThrow(
      expect.objectContaining({ hint: "an absolute path needs three slashes: file:///tmp/b" }),
    );
  });

  const segment = fc.stringMatching(/^[A-Za-z0-9_.~:@%+=-]{1,12}$/).filter((text) => text !== "." && text !== "..");
  const nodeArbitrary = fc.record({ cluster: segment, datacenter: segment, node: segment });

  it("takes back every location it writes", () => {
    const cloud = fc.record(
      {
        protocol: fc.constantFrom(...protocols.filter((protocol) => protocol !== "file")),
        bucket: segment,
        node: nodeArbitrary,
      },
      { requiredKeys: ["protocol", "bucket"] },
    );
    const rootOf = (max: number) => fc.array(segment, { maxLength: max }).map((segments) => `/${segments.join("/")}`);
    const fileWithNode = fc.record({
      protocol: fc.constant("file" as const),
      root: rootOf(5),
      bucket: segment,
      node: nodeArbitrary,
    });
    const fileBucket = fc.record({ protocol: fc.constant("file" as const), root: rootOf(2), bucket: segment });
    fc.assert(
      fc.property(fc.oneof(cloud, fileWithNode, fileBucket), (location) => {
        expect(parseStorageLocation(formatStorageLocation(location))).toEqual(location);
      }),
    );
  });

  it("answers any text with a location that is stable, or with a complaint", () => {
    const piece = fc.constantFrom("s3", "file", "://", "/", "//", "..", "a", "b", " ", "?", ":", "");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join("");
        let location: StorageLocation;
        try {
          location = parseStorageLocation(text);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          return;
        }
        expect(formatStorageLocation(location)).toBe(text.replace(/\/$/, ""));
      }),
    );
  });
});

describe("completeLocation", () => {
  const running = { clusterName: "Test  Cluster\tx", datacenter: "dc1", hostId: "h" };

  it("fills in what the node says, with blanks of the cluster's name as dashes", () => {
    const completed = completeLocation(parseStorageLocation("file:///mnt/backups"), running);
    expect(formatStorageLocation(completed)).toBe("file:///mnt/backups/Test-Cluster-x/dc1/h");
  });

  it("leaves a complete location alone", () => {
    const location = parseStorageLocation("s3://b/c/d/n");
    expect(completeLocation(location, running)).toEqual(location);
  });

  it.each([{ clusterName: "a/b" }, { datacenter: ".." }, { hostId: "" }, { clusterName: "what?" }])(
    "refuses a node whose names make no path: %j",
    (odd) => {
      const complete = () => completeLocation(parseStorageLocation("s3://b"), { ...running, ...odd });
      expect(complete).toThrow("cannot be part of a storage location");
    },
  );
});
