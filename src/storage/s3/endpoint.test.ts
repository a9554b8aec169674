import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { withoutVariants } from "../../aws/aws.ts";
import { type BucketPlace, bucketUrl } from "./endpoint.ts";

const plain = {
  bucket: "backups",
  endpoint: undefined,
  region: withoutVariants("eu-west-1"),
  pathStyle: false,
  insecureHttp: false,
} as const satisfies BucketPlace;

function urlOf(own: Partial<BucketPlace>): string {
  return bucketUrl({ ...plain, ...own }).href;
}

describe("the URL of a bucket", () => {
  const variants = (fips: boolean, dualStack: boolean) => ({ region: { region: "us-gov-west-1", fips, dualStack } });
  test.each<[Partial<BucketPlace>, string]>([
    [{}, "https://backups.s3.eu-west-1.amazonaws.com/"],
    [{ pathStyle: true }, "https://s3.eu-west-1.amazonaws.com/backups"],
    [{ bucket: "back.ups" }, "https://s3.eu-west-1.amazonaws.com/back.ups"],
    [{ bucket: "Back_ups" }, "https://s3.eu-west-1.amazonaws.com/Back_ups"],
    [{ insecureHttp: true }, "http://backups.s3.eu-west-1.amazonaws.com/"],
    [{ bucket: "back.ups", insecureHttp: true }, "http://s3.eu-west-1.amazonaws.com/back.ups"],
    [{ region: withoutVariants("cn-north-1") }, "https://backups.s3.cn-north-1.amazonaws.com.cn/"],
    [{ region: withoutVariants("xx-new-9") }, "https://backups.s3.xx-new-9.amazonaws.com/"],
    [variants(true, false), "https://backups.s3-fips.us-gov-west-1.amazonaws.com/"],
    [variants(false, true), "https://backups.s3.dualstack.us-gov-west-1.amazonaws.com/"],
    [variants(true, true), "https://backups.s3-fips.dualstack.us-gov-west-1.amazonaws.com/"],
    [{ endpoint: new URL("https://store:9000") }, "https://backups.store:9000/"],
    [{ endpoint: new URL("https://store/base/") }, "https://backups.store/base/"],
    [{ endpoint: new URL("https://store/base/"), pathStyle: true }, "https://store/base/backups"],
    [{ endpoint: new URL("https://store"), bucket: "back.ups" }, "https://store/back.ups"],
    [{ endpoint: new URL("http://store"), bucket: "back.ups" }, "http://back.ups.store/"],
    [{ endpoint: new URL("https://127.0.0.1:1") }, "https://127.0.0.1:1/backups"],
    [{ endpoint: new URL("https://[::1]:1") }, "https://[::1]:1/backups"],
    [{ endpoint: new URL("https://store"), bucket: "ünd+" }, "https://store/%C3%BCnd%2B"],
  ])("for %j is %s", (own, url) => {
    expect(urlOf(own)).toBe(url);
  });

  test.each<[Partial<BucketPlace>, string]>([
    [{ bucket: "arn:aws:s3:eu-west-1:123456789012:accesspoint:name" }, "unsupported"],
    [{ bucket: "name--euw1-az1--x-s3" }, "unsupported"],
    [{ bucket: "name-1234--op-s3" }, "unsupported"],
    [{ region: { region: "cn-north-1", fips: true, dualStack: false } }, "usage"],
    [{ region: { region: "eu-west-1", fips: true, dualStack: false }, endpoint: new URL("https://store") }, "usage"],
  ])("cannot be made for %j: %s", (own, code) => {
    expect(() => urlOf(own)).toThrow(expect.objectContaining({ code, hint: expect.any(String) }));
  });
});

/** The URL by AWS's own SDK, from a request that is never sent; undefined where it refuses. */
async function urlOfSdk({
  bucket,
  endpoint,
  region,
  pathStyle,
  insecureHttp,
}: BucketPlace): Promise<string | undefined> {
  const client = new S3Client({
    region: region.region,
    useFipsEndpoint: region.fips,
    useDualstackEndpoint: region.dualStack,
    ...(endpoint === undefined ? {} : { endpoint: endpoint.href }),
    forcePathStyle: pathStyle,
    tls: !insecureHttp,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const command = new GetObjectCommand({ Bucket: bucket, Key: "k" });
  command.middlewareStack.add(
    (_next, context) => async () => {
      resolve(context.endpointV2?.url.href);
      throw new Error("it is known");
    },
    { step: "build", priority: "high" },
  );
  client.send(command).catch(() => resolve(undefined));
  return promise;
}

test("the URL of a bucket is that of AWS's SDK, whatever the bucket, the region and the endpoint", async () => {
  const buckets = ["backups", "back.ups", "Back_ups", "ab", "back-", "1.2.3.4", "a..b", "xn--a", "b+ü"];
  const endpoints = [undefined, "https://store:9000", "http://store/base/", "https://10.0.0.1:1"];
  const regions = ["us-east-1", "cn-north-1", "us-iso-east-1", "xx-new-9"];
  const flags = [false, true];
  const places = buckets.flatMap((bucket) =>
    endpoints.flatMap((endpoint) =>
      regions.flatMap((region) =>
        flags.flatMap((fips) =>
          flags.flatMap((dualStack) =>
            flags.map((pathStyle) => ({
              ...{ bucket, pathStyle, region: { region, fips, dualStack }, insecureHttp: false },
              endpoint: endpoint === undefined ? undefined : new URL(endpoint),
            })),
          ),
        ),
      ),
    ),
  );
  const ours = (place: BucketPlace) => {
    try {
      return bucketUrl(place).href;
    } catch {
      return undefined;
    }
  };
  const found = places.map((place) => [JSON.stringify(place), ours(place)]);
  const sdks = await Promise.all(places.map(async (place) => [JSON.stringify(place), await urlOfSdk(place)]));
  const other = found.flatMap(([place, url], at) =>
    url === sdks[at]?.[1] ? [] : [`${place} ${url} ${sdks[at]?.[1]}`],
  );
  expect(other).toEqual([]);
});
