/** `esop validate-storage` as an operator runs it, on a real server whose answers are refusals where the test says so. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type EsopOptions, type EsopRun, esop } from "../harness/esop.ts";
import { minioSession } from "../harness/minio-session.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import type { OpenedStore } from "../harness/opened-store.ts";
import { toArray } from "../harness/sample-bytes.ts";
import type { SeenRequest, Spoil } from "../harness/spoiling-proxy.ts";

const store = await startStore("versitygw");
const minio = await startStore("minio");

const denial: Spoil = {
  kind: "answer",
  status: 403,
  body: "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
  headers: { "content-type": "application/xml" },
};

type Kind = "head" | "get" | "put" | "part" | "copy" | "delete" | "list" | "other";

/** What a request asks for, by the names of permissions. */
function kindOf({ method, url, headers }: SeenRequest): Kind {
  const { pathname, searchParams } = new URL(url, "http://store");
  const isObject = /^\/[^/]+\/./.test(pathname);
  if (searchParams.has("list-type")) return "list";
  if (method === "POST" && searchParams.has("delete")) return "delete";
  if (!isObject) return "other";
  if (headers["x-amz-copy-source"] !== undefined) return "copy";
  if (searchParams.has("partNumber")) return "part";
  if (method === "PUT") return "put";
  if (method === "GET") return "get";
  return method === "HEAD" ? "head" : "other";
}

interface ValidateOptions extends EsopOptions {
  /** Of the bucket: "/cluster/datacenter/node". */
  readonly below?: string;
}

function validate({ proxy, bucket }: OpenedStore, words: readonly string[] = [], options: ValidateOptions = {}) {
  const { credentials } = store as ObjectStore;
  const server = { AWS_ENDPOINT: proxy.endpoint, AWS_REGION: "us-east-1", AWS_ENABLE_PATH_STYLE_ACCESS: "true" };
  const environment = { ...credentials, ...server, ...options.environment };
  const location = `s3://${bucket}${options.below ?? ""}`;
  return esop(["validate-storage", location, ...words], { ...options, environment });
}

function failed({ stdout }: EsopRun): string[] {
  return [...stdout.matchAll(/^FAIL {2}(.{18})/gm)].map(([, name = ""]) => name.trim());
}

async function left({ proxy, storage, bucket }: OpenedStore): Promise<unknown> {
  proxy.spoil(() => undefined);
  const parts = join((store as ObjectStore).directory, bucket, ".sgwtmp", "multipart");
  return [...(await toArray(storage.list(""))).map(({ key }) => key), ...(await readdir(parts).catch(() => []))];
}

describe.skipIf("reason" in store)(`validation${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;
  afterAll(() => server[Symbol.asyncDispose]());

  test("passes, in few requests, all for objects of its own, and leaves nothing", async () => {
    await using s3 = await openS3(server);
    s3.proxy.forget();
    const run = await validate(s3);
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(run.stdout).toMatch(/^ok {4}large put +\S+ m?s {2}wrote 33\.0 MiB at \d+\.\d MiB\/s$/m);
    expect(run.stdout).toMatch(/\nall 15 steps passed in \S+ s; all test objects are deleted\n$/);
    for (const line of run.stdout.trim().split("\n").slice(1)) expect(line.length).toBeLessThanOrEqual(80);
    const { seen } = s3.proxy;
    expect(seen.filter((request) => kindOf(request) === "part")).toHaveLength(2);
    expect(seen.length).toBeLessThan(45);
    const elsewhere = seen.filter(({ url }) => !decodeURIComponent(url).includes(".esop-check-"));
    // Looking for the bucket, and the one deletion, whose keys are in its body.
    expect(elsewhere.map(({ method }) => method)).toEqual(["HEAD", "POST"]);
    expect(await left(s3)).toEqual([]);
  });

  test.each<[what: Kind, permissions: string, steps: readonly string[]]>([
    ["head", "permissions s3:GetObject and s3:ListBucket", ["stat", "refresh", "large refresh", "absence"]],
    ["get", "permission s3:GetObject", ["get", "ranges", "overwrite", "large get", "absence"]],
    ["put", "permission s3:PutObject", ["small put", "overwrite"]],
    ["part", "permission s3:PutObject", ["large put"]],
    ["copy", "permissions s3:GetObject and s3:PutObject", ["refresh", "large refresh"]],
    ["list", "permission s3:ListBucket", ["list", "absence"]],
  ])("names what is lacking where %s is refused", async (kind, permissions, steps) => {
    await using s3 = await openS3(server);
    s3.proxy.spoil((request) => (kindOf(request) === kind ? denial : undefined));
    const run = await validate(s3);
    expect(run.status).toBe(7);
    expect(failed(run)).toEqual(steps);
    expect(run.stderr).toContain(`esop: ${steps.length} of `);
    const names = steps.join(", ");
    expect(run.stderr.endsWith(` steps failed: ${names}\nhint: the credentials need the ${permissions}\n`)).toBe(true);
    expect(await left(s3)).toEqual([]);
  });

  test("says what is left where deletion is refused, and names all that is lacking at once", async () => {
    await using s3 = await openS3(server);
    s3.proxy.spoil((request) => (["delete", "list"].includes(kindOf(request)) ? denial : undefined));
    const run = await validate(s3);
    expect([run.status, failed(run)]).toEqual([7, ["list", "delete"]]);
    expect(run.stderr).toMatch(/the permissions s3:ListBucket and s3:DeleteObject\n$/);
    const [, prefix] = /; objects (\.esop-check-\S+)\* remain$/m.exec(run.stdout) ?? [];
    s3.proxy.spoil(() => undefined);
    const keys = (await toArray(s3.storage.list(""))).map(({ key }) => key);
    expect(keys.length).toBeGreaterThanOrEqual(2);
    for (const key of keys) expect(key.startsWith(`${prefix}-`)).toBe(true);
  });

  test("stops where the credentials themselves are refused, and says so in JSON", async () => {
    await using s3 = await openS3(server);
    // An answer to HEAD has no body that could tell why.
    const body = "<Error><Code>SignatureDoesNotMatch</Code></Error>";
    s3.proxy.spoil(({ method }) => ({ kind: "answer", status: 403, ...(method === "HEAD" ? {} : { body }) }));
    const run = await validate(s3, ["--json"]);
    const lines: unknown[] = run.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { type: "step", check: "bucket", verdict: "fail", code: "unauthorized", permissions: ["s3:ListBucket"] },
      { type: "step", check: "small put", verdict: "fail", code: "unauthorized" },
      { type: "error", code: "unauthorized", exit: 7, hint: expect.stringMatching(/^check the access key/) },
    ]);
  });

  test("leaves nothing behind an interrupt in the middle of the large object", async () => {
    await using s3 = await openS3(server);
    let interrupt: (() => boolean) | undefined;
    s3.proxy.spoil((request) => {
      if (kindOf(request) === "part") interrupt?.();
      return kindOf(request) === "part" ? { kind: "silence" } : undefined;
    });
    const onStart: EsopOptions["onStart"] = (child) => {
      interrupt = () => child.kill("SIGINT");
    };
    // A node's own part, where a backup would leave the upload for the next one to go on with.
    const run = await validate(s3, [], { onStart, below: "/cluster/dc1/node1" });
    expect(run.status).toBe(130);
    expect(run.stdout).toMatch(/^ok {4}conditional put/m);
    expect(await left(s3)).toEqual([]);
  });
});

describe.skipIf("reason" in minio)(`a policy${"reason" in minio ? `: ${minio.reason}` : ""}`, () => {
  const server = minio as ObjectStore;
  afterAll(() => server[Symbol.asyncDispose]());

  const all = ["s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject"] as const;

  test("of four permissions is enough", async () => {
    await using s3 = await openS3(server);
    const run = await validate(s3, ["--thorough"], { environment: { ...(await minioSession(server, all)) } });
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(await toArray(s3.storage.list(""))).toEqual([]);
  });

  test.each<[permission: (typeof all)[number], named: RegExp]>([
    ["s3:PutObject", /permissions? s3:PutObject$/m],
    ["s3:GetObject", /permissions s3:GetObject/],
    ["s3:ListBucket", /permission s3:ListBucket$/m],
    ["s3:DeleteObject", /permission s3:DeleteObject$/m],
  ])("without %s is told so", async (permission, named) => {
    await using s3 = await openS3(server);
    const session = await minioSession(
      server,
      all.filter((one) => one !== permission),
    );
    const run = await validate(s3, [], { environment: { ...session } });
    expect(run.status).toBe(7);
    expect(run.stderr).toMatch(named);
    const keys = (await toArray(s3.storage.list(""))).map(({ key }) => key);
    if (permission !== "s3:DeleteObject") expect(keys).toEqual([]);
  });
});
