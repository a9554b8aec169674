import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { awsRegion, profileEndpoint, serviceUrl } from "./endpoint.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** AWS's libraries read the environment of the process; files are read once, so that each test has its own. */
async function withConfig(text: string, variables: Readonly<Record<string, string>> = {}) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, "config");
  await writeFile(path, text);
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
  const all = { AWS_CONFIG_FILE: path, AWS_SHARED_CREDENTIALS_FILE: "/nowhere", AWS_EC2_METADATA_DISABLED: "true" };
  for (const [name, value] of Object.entries({ ...all, ...variables })) vi.stubEnv(name, value);
  return directory;
}

describe("the endpoint of a profile", () => {
  const services = "[services both]\ns3 =\n  endpoint_url = https://own\nkms =\n  endpoint_url = https://keys\n";
  test.each<[string, string, Record<string, string>, string | undefined]>([
    ["is its endpoint_url", "[default]\nendpoint_url = https://any\n", {}, "https://any"],
    [
      "is that of its services section first",
      `[default]\nservices = both\nendpoint_url = https://any\n${services}`,
      {},
      "https://own",
    ],
    ["is that of AWS_PROFILE", "[profile p]\nendpoint_url = https://p\n", { AWS_PROFILE: "p" }, "https://p"],
    ["is none of another profile", "[profile p]\nendpoint_url = https://p\n", {}, undefined],
    [
      "is ignored on demand of the profile",
      "[default]\nendpoint_url = https://any\nignore_configured_endpoint_urls = true\n",
      {},
      undefined,
    ],
    [
      "is ignored on demand of a variable",
      "[default]\nendpoint_url = https://any\n",
      { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" },
      undefined,
    ],
    ["is none of a variable", "", { AWS_ENDPOINT_URL: "https://variable" }, undefined],
  ])("%s", async (_, text, variables, expected) => {
    await using _directory = await withConfig(text, variables);
    expect(await profileEndpoint("s3")).toBe(expected);
  });
});

describe("the region", () => {
  test.each<[string, string | undefined, string, Record<string, string>, object]>([
    [
      "that is given comes first",
      "eu-west-1",
      "[default]\nregion = eu-west-2\n",
      { AWS_REGION: "eu-west-3" },
      { region: "eu-west-1" },
    ],
    [
      "of the variable comes second",
      undefined,
      "[default]\nregion = eu-west-2\n",
      { AWS_REGION: "eu-west-3" },
      { region: "eu-west-3" },
    ],
    [
      "of the profile comes third",
      undefined,
      "[default]\nregion = eu-west-2\n",
      {},
      { region: "eu-west-2", fips: false, dualStack: false },
    ],
    ["may want FIPS hosts by its name", "fips-us-gov-west-1", "", {}, { region: "us-gov-west-1", fips: true }],
    [
      "may have other hosts by variables",
      "eu-west-1",
      "",
      { AWS_USE_FIPS_ENDPOINT: "true" },
      { fips: true, dualStack: false },
    ],
    [
      "may have other hosts by the profile",
      "eu-west-1",
      "[default]\nuse_dualstack_endpoint = true\n",
      {},
      { fips: false, dualStack: true },
    ],
  ])("%s", async (_, given, text, variables, expected) => {
    await using _directory = await withConfig(text, variables);
    expect(await awsRegion(given)).toMatchObject(expected);
  });

  test("that nobody names, or that is no part of a host name, is an error", async () => {
    await using _directory = await withConfig("");
    await expect(awsRegion(undefined)).rejects.toThrow();
    await expect(awsRegion("eu west")).rejects.toThrow();
  });
});

test.each([
  ["eu-west-1", false, false, "https://kms.eu-west-1.amazonaws.com/"],
  ["us-east-1", true, false, "https://kms-fips.us-east-1.amazonaws.com/"],
  ["us-east-1", false, true, "https://kms.us-east-1.api.aws/"],
  ["cn-north-1", false, false, "https://kms.cn-north-1.amazonaws.com.cn/"],
])("the KMS of %s (FIPS %s, dual-stack %s) is at %s", (region, fips, dualStack, url) => {
  expect(serviceUrl("kms", { region, fips, dualStack }).href).toBe(url);
});
