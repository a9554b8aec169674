import { createServer } from "node:http";
import { expect, test } from "vitest";
import { listening } from "../../../test/harness/listening.ts";
import { usualMeans } from "../../../test/harness/opened-store.ts";
import { makeAgents, usualTimeouts } from "../../http/http.ts";
import { listParts } from "./incomplete-uploads.ts";
import { s3Dialects } from "./options.ts";
import { S3Wire } from "./wire.ts";

test("the parts of an upload are asked for with the customer's key: AWS refuses the question without it", async () => {
  const name = "x-amz-server-side-encryption-customer-key";
  const parts =
    "<ListPartsResult><Part><PartNumber>1</PartNumber><Size>5</Size><ETag>e</ETag></Part></ListPartsResult>";
  await using server = await listening(
    createServer(({ headers }, response) => {
      if (headers[name] === "k") response.end(parts);
      else response.writeHead(400).end("<Error><Code>InvalidRequest</Code></Error>");
    }),
  );
  const agents = await makeAgents({});
  const wire = new S3Wire({
    ...{ url: new URL(`${server.address}/bucket`), region: "us-east-1", agents, timeouts: usualTimeouts },
    ...{ clock: usualMeans.clock, transientAccessDenied: false },
    credentials: async () => ({ accessKeyId: "a", secretAccessKey: "b" }),
  });
  const settings = { created: () => ({}), customerKey: { [name]: "k" }, copySource: {} };
  const place = { bucket: "bucket", description: "b", region: "us-east-1", dialect: s3Dialects.aws };
  const found = await listParts({ ...usualMeans, ...place, wire, settings }, "key", "id", undefined);
  expect([...(found?.keys() ?? [])]).toEqual([1]);
  agents.close();
});
