import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { esopCredentials } from "../../aws/aws.ts";
import { endpointUrl } from "../remote/store-options.ts";
import { partSizeOf } from "./multipart.ts";
import { dialectOf, readCustomerKey, s3Dialects, withAwsVariables } from "./options.ts";

describe("dialects", () => {
  test("promise nothing of a server that is not known", () => {
    expect(dialectOf("s3", {})).toBe(s3Dialects.aws);
    expect(dialectOf("s3", { endpoint: "https://s3.eu-west-1.amazonaws.com" })).toBe(s3Dialects.aws);
    expect(dialectOf("s3", { endpoint: "https://amazonaws.com.example.org" })).toMatchObject({ putIfAbsent: false });
    expect(dialectOf("ceph", { endpoint: "http://c" })).toMatchObject({ putIfAbsent: true, multipartIfAbsent: false });
    expect(dialectOf("oracle", {})).toMatchObject({ integrity: "hash-first", putIfAbsent: false });
    expect(dialectOf("minio", {})).toMatchObject({ pathStyle: true, needsEndpoint: true });
  });
});

describe("endpoints", () => {
  test.each([
    [{ endpoint: "https://h:1/" }, "https://h:1/"],
    [{ endpoint: "h:1" }, "https://h:1/"],
    [{ endpoint: "h:1", insecureHttp: true }, "http://h:1/"],
    [{ endpoint: "http://h" }, "http://h/"],
    [{ endpoint: "[::1]:9000", insecureHttp: true }, "http://[::1]:9000/"],
  ])("%j is %s", (options, url) => {
    expect(endpointUrl(options)?.href).toBe(url);
  });

  test.each([
    { endpoint: "ftp://h" },
    { endpoint: "https://" },
    { endpoint: "https://me:secret@h" },
    { endpoint: "https://h", insecureHttp: true },
  ])("%j is refused", (options) => {
    expect(() => endpointUrl(options)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

test("Esop's variables give credentials only where the SDK's are missing", () => {
  const ours = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_KEY: "secret" };
  expect(esopCredentials(ours)).toEqual({ accessKeyId: "id", secretAccessKey: "secret" });
  expect(esopCredentials({ ...ours, AWS_SESSION_TOKEN: "t" })).toMatchObject({ sessionToken: "t" });
  expect(esopCredentials({ ...ours, AWS_SECRET_ACCESS_KEY: "other" })).toBeUndefined();
  expect(esopCredentials({ AWS_SECRET_KEY: "secret" })).toBeUndefined();
  expect(esopCredentials()).toBeUndefined();
});

test("a customer's key is 32 bytes, or their base64", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "key");
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7));
  await writeFile(path, key);
  expect((await readCustomerKey(path)).equals(key)).toBe(true);
  await writeFile(path, `${key.toString("base64")}\n`);
  expect((await readCustomerKey(path)).equals(key)).toBe(true);
  for (const wrong of ["", "x".repeat(31), key.toString("hex"), key.subarray(1).toString("base64")]) {
    await writeFile(path, wrong);
    await expect(readCustomerKey(path)).rejects.toMatchObject({ code: "usage" });
  }
  await expect(readCustomerKey(join(directory.path, "none"))).rejects.toMatchObject({ code: "not-found" });
});

test("parts grow so that the largest object that stores take has ten thousand", () => {
  const [mebibyte, gibibyte, tebibyte] = [1024 ** 2, 1024 ** 3, 1024 ** 4];
  expect(partSizeOf(0)).toBe(32 * mebibyte);
  expect(partSizeOf(300 * gibibyte)).toBe(32 * mebibyte);
  for (const size of [320 * gibibyte, tebibyte, 10 * tebibyte + 1, 48.8 * tebibyte]) {
    const part = partSizeOf(Math.floor(size));
    expect(Math.ceil(size / part)).toBeLessThanOrEqual(10_000);
    expect(part).toBeLessThanOrEqual(5 * gibibyte);
  }
  expect(() => partSizeOf(49 * tebibyte)).toThrow(expect.objectContaining({ code: "unsupported" }));
});

test("variables of AWS and of Esop say what the options leave open", () => {
  const environment = { AWS_ENDPOINT: "http://a", AWS_REGION: "", AWS_DEFAULT_REGION: "r" };
  expect(withAwsVariables({ environment })).toMatchObject({ endpoint: "http://a", region: "r" });
  const more = { ...environment, AWS_ENDPOINT_URL: "http://b" };
  expect(withAwsVariables({ environment: more }).endpoint).toBe("http://b");
  const given = { endpoint: "http://c", region: "s" };
  expect(withAwsVariables({ ...given, environment: more })).toMatchObject(given);
  expect(withAwsVariables({}).endpoint).toBeUndefined();
});
