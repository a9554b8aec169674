/** Credentials of a MinIO server that may do less than its owner's: a session with a policy of its own. */
import { createHash, createHmac } from "node:crypto";
import { type ObjectStore, testKeys } from "./object-stores.ts";

export interface Session {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_SESSION_TOKEN: string;
}

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const macOf = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** A session that may do these things ("s3:GetObject") in all buckets, and nothing else. */
export async function minioSession({ endpoint }: ObjectStore, actions: readonly string[]): Promise<Session> {
  const statement = [{ Effect: "Allow", Action: actions, Resource: "arn:aws:s3:::*" }];
  const body = new URLSearchParams({
    Action: "AssumeRole",
    Version: "2011-06-15",
    Policy: JSON.stringify({ Version: "2012-10-17", Statement: statement }),
  }).toString();
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = [date.slice(0, 8), "us-east-1", "sts", "aws4_request"];
  const signedHeaders = "host;x-amz-date";
  const host = new URL(endpoint).host;
  const lines = ["POST", "/", "", `host:${host}`, `x-amz-date:${date}`, "", signedHeaders, hashOf(body)];
  const toSign = ["AWS4-HMAC-SHA256", date, scope.join("/"), hashOf(lines.join("\n"))].join("\n");
  const key = scope.reduce<string | Buffer>(macOf, `AWS4${testKeys.secret}`);
  const signature = macOf(key, toSign).toString("hex");
  const credential = `${testKeys.access}/${scope.join("/")}`;
  const response = await fetch(endpoint, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "x-amz-date": date,
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    },
  });
  const text = await response.text();
  const element = (name: string) => {
    const [, value] = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text) ?? [];
    if (value === undefined) throw new Error(`MinIO gave no ${name}: ${response.status} ${text}`);
    return value;
  };
  return {
    AWS_ACCESS_KEY_ID: element("AccessKeyId"),
    AWS_SECRET_ACCESS_KEY: element("SecretAccessKey"),
    AWS_SESSION_TOKEN: element("SessionToken"),
  };
}
