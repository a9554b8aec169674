/** How the S3 driver gets to a server: over TLS, through proxies; and what a renewal leaves as it was. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CreateBucketCommand, GetObjectTaggingCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, expect, test } from "vitest";
import { casesOn } from "../harness/cases-on.ts";
import { makeCertificates } from "../harness/certificates.ts";
import { forwardProxy } from "../harness/forward-proxy.ts";
import { type ObjectStore, type StoreName, startStore } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import { bytesSource, collect, sampleBytes } from "../harness/sample-bytes.ts";
import { sdkClient } from "../harness/sdk-client.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

const directory = await temporaryDirectory();
const certificates = await makeCertificates(directory.path);
const mebibyte = 1024 * 1024;

afterAll(() => directory[Symbol.asyncDispose]());

const cases = (server: ObjectStore, secure: ObjectStore) => {
  const caFile = certificates.authorityFile;
  const login = { username: "me@work", password: "p:w/d" };

  test("a certificate is trusted only when its authority is", async () => {
    const unknown = { endpoint: secure.endpoint };
    await using stranger = await openS3(secure, { bucket: "bbb", s3: unknown });
    const refused = { code: "unreachable", retryable: false, hint: expect.stringContaining("--ca-file") };
    await expect(stranger.storage.get("k")).rejects.toMatchObject(refused);
    await expect(stranger.storage.bucketExists()).rejects.toMatchObject(refused);
    await using s3 = await openS3(secure, { s3: { endpoint: secure.endpoint, caFile } });
    const bytes = sampleBytes(2 * mebibyte);
    await s3.storage.put("k", bytesSource(bytes));
    expect((await collect(await s3.storage.get("k"))).equals(bytes)).toBe(true);
    const wrong = openS3(secure, { bucket: "bbb", s3: { caFile: certificates.keyFile } });
    await expect(wrong).rejects.toMatchObject({ code: "usage" });
  });

  test("HTTPS to a server of HTTP is told", async () => {
    const endpoint = server.endpoint.replace("http", "https");
    await using s3 = await openS3(server, { bucket: "bbb", s3: { endpoint } });
    const told = { code: "protocol", hint: expect.stringContaining("--insecure-http") };
    await expect(s3.storage.get("k")).rejects.toMatchObject(told);
    await expect(s3.storage.bucketExists()).rejects.toMatchObject(told);
  });

  test.each(["http", "https"] as const)("a proxy is used for %s, with its password", async (scheme) => {
    await using proxy = await forwardProxy(login);
    const [target, trust] = scheme === "http" ? [server, {}] : [secure, { caFile }];
    const through = { protocol: "HTTP", host: "127.0.0.1", port: proxy.port, ...login } as const;
    await using s3 = await openS3(target, { s3: { endpoint: target.endpoint, ...trust, proxy: through } });
    const bytes = sampleBytes(2 * mebibyte);
    await s3.storage.put("k", bytesSource(bytes));
    expect((await collect(await s3.storage.get("k"))).equals(bytes)).toBe(true);
    expect(await s3.storage.stat("k")).toMatchObject({ sizeBytes: bytes.length });
    const expected = scheme === "http" ? `PUT ${target.endpoint}/${s3.bucket}/k` : `CONNECT 127.0.0.1:${target.port}`;
    expect(proxy.asked).toContain(expected);
  });

  test("a proxy that refuses, or is not there, is told", async () => {
    await using proxy = await forwardProxy(login);
    const wrong = {
      protocol: "HTTP",
      host: "127.0.0.1",
      port: proxy.port,
      username: "me@work",
      password: "no",
    } as const;
    for (const through of [wrong, { ...wrong, port: 1 }]) {
      const options = { endpoint: secure.endpoint, caFile, proxy: through };
      await using s3 = await openS3(secure, { bucket: "bbb", s3: options });
      await expect(s3.storage.get("k")).rejects.toMatchObject({ code: "unreachable" });
      await expect(s3.storage.bucketExists()).rejects.toMatchObject({ code: "unreachable" });
    }
  });

  test("a key that only we have never goes over HTTP", async () => {
    const keyFile = join(directory.path, "key");
    await writeFile(keyFile, sampleBytes(32));
    const encryption = { kind: "customer", keyFile } as const;
    const opening = openS3(server, { bucket: "bbb", s3: { endpoint: server.endpoint, encryption } });
    await expect(opening).rejects.toMatchObject({ code: "usage" });
    await using s3 = await openS3(secure, { s3: { endpoint: secure.endpoint, caFile, encryption } });
    await s3.storage.put("k", bytesSource(sampleBytes(100)));
    expect(await collect(await s3.storage.get("k"))).toHaveLength(100);
  });
};

const secureStore = await startStore("versitygw", { tls: certificates });
casesOn("ways", await startStore("versitygw"), (server) =>
  casesOn("over HTTP and HTTPS", secureStore, (secure) => cases(server, secure)),
);

const named: readonly StoreName[] = ["versitygw", "minio"];
for (const name of named) {
  casesOn(`renewing on ${name}`, await startStore(name), (server) => {
    test.each([
      ["an empty object", 0, {}],
      ["a small one", 1000, {}],
      ["one that is too large to be copied at once", 11 * mebibyte, { maxBytes: mebibyte, partBytes: 5 * mebibyte }],
    ])("%s keeps its content, metadata, type and tags", async (_, size, sizes) => {
      const client = sdkClient(server);
      const object = { Bucket: `b-${crypto.randomUUID()}`, Key: "dir/a key+ü" };
      await client.send(new CreateBucketCommand({ Bucket: object.Bucket }));
      const Body = sampleBytes(size);
      const kept = { ContentType: "text/plain", Metadata: { "x-amz-key-v2": "wrapped", other: "1" } };
      await client.send(new PutObjectCommand({ ...object, ...kept, Body, Tagging: "kmsKey=k%2F1&b=c" }));
      const before = await client.send(new HeadObjectCommand(object));
      await delay(1100);
      const copySizes = { maxBytes: 5 * 1024 * mebibyte, partBytes: 1024 * mebibyte, ...sizes };
      await using s3 = await openS3(server, { bucket: object.Bucket, copySizes });
      await s3.storage.refresh(object.Key);
      const after = await client.send(new HeadObjectCommand(object));
      expect(after).toMatchObject({ ...kept, ContentLength: size });
      expect(after.LastModified?.getTime()).toBeGreaterThan(before.LastModified?.getTime() ?? 0);
      const { TagSet: tags } = await client.send(new GetObjectTaggingCommand(object));
      expect(new Map(tags?.map(({ Key, Value }) => [Key, Value]))).toEqual(
        new Map(Object.entries({ kmsKey: "k/1", b: "c" })),
      );
      expect((await collect(await s3.storage.get(object.Key))).equals(Body)).toBe(true);
      client.destroy();
    });
  });
}
