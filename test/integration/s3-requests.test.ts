/** How many requests a backup of a real node costs, counted by a proxy between the tool and the store. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CassandraNode, useCassandra } from "../harness/cassandra.ts";
import { esop } from "../harness/esop.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { fill, Operator } from "../harness/operator.ts";
import { type SeenRequest, type SpoilingProxy, spoilingProxy } from "../harness/spoiling-proxy.ts";
import { usual } from "./traps/kinds.ts";

const store = await startStore("versitygw");
const tables = Array.from({ length: 8 }, (_, index) => `t${index}`);

describe.skipIf("reason" in store)(`the requests of a backup${"reason" in store ? `: ${store.reason}` : ""}`, () => {
  const server = store as ObjectStore;
  let node: CassandraNode;
  let operator: Operator;
  let keyspace: string;
  let proxy: SpoilingProxy;

  beforeAll(async () => {
    node = await useCassandra(usual);
    operator = await Operator.of(node, await node.temporaryDirectory());
    keyspace = await node.keyspace();
    proxy = await spoilingProxy(server);
    const settings = "compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': false}";
    for (const table of tables) {
      await node.cql.execute(`CREATE TABLE ${keyspace}.${table} (k int PRIMARY KEY, v text) WITH ${settings}`);
    }
    await write(0);
    await operator.backup("flushed", "--entities", keyspace);
    await write(1);
  });

  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  async function write(stage: number): Promise<void> {
    for (const table of tables) await fill(node.cql, `${keyspace}.${table}`, stage * 100, stage * 100 + 100);
  }

  interface Cost {
    readonly sent: number;
    readonly kept: number;
    readonly requests: number;
    /** By what was asked. */
    readonly counts: Readonly<Record<string, number>>;
  }

  async function backup(protocol: string, tag: string): Promise<Cost> {
    proxy.forget();
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = server.credentials;
    const environment = {
      AWS_ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY,
      AWS_ENDPOINT: proxy.endpoint,
      AWS_ENABLE_PATH_STYLE_ACCESS: "true",
    };
    const place = `${protocol}://requests-${protocol}/sandbox/dc1/${operator.hostId}`;
    const command = operator.backupCommand(tag, "--storage-location", place, "--entities", keyspace);
    const { status, json, stdout, stderr } = await esop([...command, "--json"], { environment });
    expect(status, stdout + stderr).toBe(0);
    const counts: Record<string, number> = {};
    for (const request of proxy.seen) counts[kindOf(request)] = (counts[kindOf(request)] ?? 0) + 1;
    const files = (what: unknown) =>
      typeof what === "object" && what !== null && "files" in what ? Number(what.files) : 0;
    return { sent: files(json["sent"]), kept: files(json["kept"]), requests: proxy.seen.length, counts };
  }

  function kindOf({ method, url }: SeenRequest): string {
    if (/^\/[^/]+\/?(\?|$)/.test(url)) return url.includes("list-type=2") ? "listing" : `bucket ${method}`;
    return `${/\/(data|manifests|topology)\//.exec(url)?.[1] ?? "other"} ${method}`;
  }

  const always = { "bucket HEAD": 1, "bucket PUT": 1, "manifests PUT": 1 };

  it.each(["s3", "minio"])("are one for a new file and none for one that is there (%s)", async (protocol) => {
    const first = await backup(protocol, "first");
    const { sent } = first;
    expect(sent).toBeGreaterThan(200);
    expect(first).toEqual({ sent, kept: 0, requests: sent + 5, counts: { ...always, listing: 2, "data PUT": sent } });
    expect(first.requests / sent).toBeLessThanOrEqual(1.05);
    // Earlier hashes come from the newest manifest.
    const known = { ...always, listing: 3, "manifests GET": 1 };
    const again = await backup(protocol, "again");
    expect(again).toEqual({ sent: 0, kept: sent, requests: 7, counts: known });
    await write(protocol === "s3" ? 2 : 3);
    const more = await backup(protocol, "more");
    expect(more.sent).toBeGreaterThan(100);
    expect(more.counts).toEqual({ ...known, "data PUT": more.sent });
  });
});
