import { describe, expect, test } from "vitest";
import { isPrivate } from "../remote/store-options.ts";
import { gcsPlace } from "./options.ts";

describe("the place of a bucket", () => {
  test.each([
    [{}, "https://storage.googleapis.com/", undefined],
    [{ endpoint: "https://h:1", region: "EU" }, "https://h:1/", "EU"],
    [{ environment: { STORAGE_EMULATOR_HOST: "http://h:2" } }, "http://h:2/", undefined],
    [{ endpoint: "https://h:1", environment: { STORAGE_EMULATOR_HOST: "http://h:2" } }, "https://h:1/", undefined],
  ])("%j is %s, created in %s", (options, url, location) => {
    const place = gcsPlace(options);
    expect([place.url.href, place.location]).toEqual([url, location]);
  });

  test("classes of other stores are refused", () => {
    expect(() => gcsPlace({ storageClass: "STANDARD_IA" })).toThrow(
      expect.objectContaining({ code: "usage", hint: expect.stringContaining("NEARLINE") }),
    );
    for (const storageClass of ["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"]) gcsPlace({ storageClass });
  });

  test.each([
    ["https://gcs.example.org", true],
    ["http://localhost:4443", true],
    ["http://127.1.2.3", true],
    ["http://[::1]:4443", true],
    ["http://127.0.0.1.example.org", false],
    ["http://gcs:4443", false],
    ["http://10.0.0.1", false],
  ])("%s keeps a secret: %s", (url, expected) => {
    expect(isPrivate(new URL(url))).toBe(expected);
  });
});
