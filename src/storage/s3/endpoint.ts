/** The URL of a bucket, as AWS's rules for endpoints have it. */

import { isIP } from "node:net";
import { isVirtualHostableS3Bucket } from "@aws-sdk/core/client";
import { type AwsRegion, serviceUrl } from "../../aws/aws.ts";
import { AppError } from "../../errors.ts";
import { encodePath } from "../../http/http.ts";

export interface BucketPlace {
  readonly bucket: string;
  /** AWS's own for the region when left out. */
  readonly endpoint: URL | undefined;
  readonly region: AwsRegion;
  /** The bucket in the path, whatever its name. */
  readonly pathStyle: boolean;
  /** Of AWS's own endpoint. */
  readonly insecureHttp: boolean;
}

/**
 * `https://BUCKET.HOST/` where the bucket can be part of a host name, else `https://HOST/BUCKET`: a certificate for
 * `*.HOST` holds for one label, so that names with dots are in the path unless it is HTTP. Throws `unsupported` for what
 * wants other signatures, and `usage` for a region without such hosts.
 */
export function bucketUrl({ bucket, endpoint, region, pathStyle, insecureHttp }: BucketPlace): URL {
  if (bucket.startsWith("arn:") || /--(x|xa|op)-s3$/.test(bucket)) {
    throw new AppError("unsupported", `'${bucket}' is not a plain bucket`, {
      hint: "directory buckets, Outposts and names of the kind arn: are not supported: name a bucket, or the alias of an access point",
    });
  }
  if (endpoint !== undefined && (region.fips || region.dualStack)) {
    throw new AppError("usage", "FIPS and dual-stack endpoints are AWS's own, and another endpoint is given", {
      hint: "unset AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, or leave out --endpoint",
    });
  }
  const url = new URL(endpoint ?? serviceUrl("s3", region));
  if (endpoint === undefined && insecureHttp) url.protocol = "http:";
  const mayHaveDots = url.protocol === "http:" && endpoint !== undefined;
  const isHost = !pathStyle && isIP(url.hostname.replace(/^\[|\]$/g, "")) === 0;
  if (isHost && isVirtualHostableS3Bucket(bucket, mayHaveDots)) url.hostname = `${bucket}.${url.hostname}`;
  else url.pathname = `${url.pathname.replace(/\/$/, "")}/${encodePath(bucket)}`;
  return url;
}
