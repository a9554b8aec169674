/**
 * The documents, carried out: every shell block of the README and of the operations guide runs in order on real nodes,
 * after what the section is about has happened, and does what the section promises. And what the documents list is
 * what the tables of the code list.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { beans, operations } from "../../src/cassandra/mbeans.ts";
import { demoVerb } from "../../src/demo/request.ts";
import { errorTable } from "../../src/errors.ts";
import { verbs } from "../../src/request/request.ts";
import { type CassandraNode, freshNode, useCassandra } from "../harness/cassandra.ts";
import { Reader, readDocument, type Section, sectionsOf } from "../harness/document.ts";
import { patient } from "../harness/patience.ts";

/** What happens before a section's commands, and what must be true after them. */
interface Story {
  before?(): Promise<void>;
  after?(printed: string): Promise<void>;
}

const tables = ["orders", "customers"] as const;
const rowCount = 200;

describe("the documents carried out", () => {
  test("README.md", async () => {
    const shop = await Shop.open();
    await shop.follow("README.md", {
      "Your first backup": {
        after: async (printed) => {
          expect(printed).toMatch(/^ok +store /m);
          expect(printed).toContain("0 files (0 B) already stored");
          expect(printed).toMatch(/uploaded, [1-9]\d* files \(.*\) already stored/);
          expect(printed).toContain(`sandbox/dc1/${shop.hostId}\nTIME`);
          expect(printed).toMatch(/^would restore 2 tables/m);
          expect(printed).toMatch(/^restored 2 tables/m);
          await shop.expectRows();
        },
      },
    });
  });

  test("docs/operations.md", { timeout: patient(300_000) }, async () => {
    const shop = await Shop.open();
    const damage = () =>
      shop.cql("DELETE FROM shop.orders WHERE id IN (1, 2, 3)", "UPDATE shop.orders SET what = 'x' WHERE id = 4");
    await using replacement = await freshNode({ version: "5.0" });
    await using other = await freshNode({ version: "5.0", clusterName: "another" });
    const moveTo = async (node: CassandraNode) => {
      await shop.reader.node.stop("KILL");
      shop.reader.node = node;
    };
    await shop.follow("docs/operations.md", {
      "Removing backups": { after: async (printed) => expect(printed).toContain("would remove 0 backups") },
      "Rows were deleted or overwritten": {
        before: damage,
        after: async () => {
          await shop.expectRows();
          expect(await shop.rows("shop.orders_before")).toEqual(shop.expected("orders"));
          await shop.cql("DROP TABLE shop.orders_before");
        },
      },
      "A table was dropped": { before: () => shop.cql("DROP TABLE shop.orders"), after: () => shop.expectRows() },
      "Several nodes: phase by phase": { before: damage, after: () => shop.expectRows() },
      "The tables of a stopped node": { before: damage, after: () => shop.expectRows() },
      "A node was lost": {
        before: () => moveTo(replacement),
        after: async () => {
          await shop.expectRows();
          expect(await shop.identity()).toBe(shop.hostId);
        },
      },
      "The cluster was lost": {
        before: () => moveTo(other),
        after: async () => {
          await shop.expectRows();
          expect(await shop.identity()).not.toBe(shop.hostId);
        },
      },
    });
  });
});

/** A node with a keyspace `shop`, a bucket, and a reader of documents. */
class Shop {
  readonly reader: Reader;
  readonly hostId: string;

  private constructor(reader: Reader, hostId: string) {
    this.reader = reader;
    this.hostId = hostId;
  }

  static async open(): Promise<Shop> {
    const node = await useCassandra({ version: "5.0" });
    const { rows } = await node.cql.execute("SELECT host_id FROM system.local");
    const hostId = String(rows[0]?.["host_id"]);
    // Two segments, since a location of four would be taken as complete.
    const bucket = await mkdtemp(join(tmpdir(), "esop-docs-"));
    onTestFinished(() => rm(bucket, { recursive: true, force: true }));
    const directory = await node.temporaryDirectory();
    const reader = await Reader.create(node, { directory, bucket, place: `sandbox/dc1/${hostId}` });
    const shop = new Shop(reader, hostId);
    await shop.fill();
    return shop;
  }

  private async fill(): Promise<void> {
    const { datacenter } = this.reader.node.sandbox;
    await this.cql(
      "DROP KEYSPACE IF EXISTS shop",
      `CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', '${datacenter}': 1}`,
    );
    for (const table of tables) {
      await this.cql(`CREATE TABLE shop.${table} (id int PRIMARY KEY, what text)`);
      const insert = (id: number) => this.cql(`INSERT INTO shop.${table} (id, what) VALUES (${id}, '${table} ${id}')`);
      await Promise.all(Array.from({ length: rowCount }, (_, id) => insert(id)));
    }
    await this.cql("CREATE INDEX orders_by_what ON shop.orders (what)");
  }

  async cql(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.reader.node.cql.execute(statement);
  }

  async rows(table: string): Promise<string[]> {
    const { rows } = await this.reader.node.cql.execute(`SELECT id, what FROM ${table}`, [], { fetchSize: 10_000 });
    return rows.map((row) => `${row.get("id")} ${row.get("what")}`).sort();
  }

  expected(table: string): string[] {
    return Array.from({ length: rowCount }, (_, id) => `${id} ${table} ${id}`).sort();
  }

  async expectRows(): Promise<void> {
    for (const table of tables) expect(await this.rows(`shop.${table}`)).toEqual(this.expected(table));
    const { rows } = await this.reader.node.cql.execute("SELECT id FROM shop.orders WHERE what = 'orders 17'");
    expect(rows.map((row) => row.get("id"))).toEqual([17]);
  }

  async identity(): Promise<string> {
    const { rows } = await this.reader.node.cql.execute("SELECT host_id FROM system.local");
    return String(rows[0]?.["host_id"]);
  }

  /** Follows the sections in order; every story must be of one of them. */
  async follow(document: string, stories: Readonly<Record<string, Story>>): Promise<void> {
    const sections = sectionsOf(await readDocument(document));
    expect(sections.map(({ heading }) => heading)).toEqual(expect.arrayContaining(Object.keys(stories)));
    for (const section of sections) await this.#followSection(section, stories[section.heading] ?? {});
  }

  async #followSection({ heading, blocks }: Section, { before, after }: Story): Promise<void> {
    // The demo has a test of its own, and the tests are what is running.
    if (heading === "Demo") return;
    try {
      await before?.();
      let printed = "";
      for (const block of blocks) printed += await this.reader.follow(block);
      await after?.(printed);
    } catch (error) {
      throw new Error(`in section '${heading}': ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "docs/operations.md",
  "docs/jmx.md",
  "docs/remote-format.md",
  "docs/encryption.md",
] as const;

describe("what the documents list", () => {
  test("are the exit statuses there are", async () => {
    const rows = (await readDocument("docs/operations.md")).matchAll(/^\| (\d+) \| (?:`(\S+)` )?\| (.*) \|$/gm);
    const listed = [...rows].map(([, exit, code = "", meaning]) => ({ exit: Number(exit), code, meaning }));
    const known = Object.entries(errorTable).map(([code, { exit, meaning }]) => ({ exit, code, meaning }));
    expect(listed).toEqual([{ exit: 0, code: "", meaning: "done" }, ...known]);
  });

  test.each(documents)("are options there are: %s", async (name) => {
    const flags = new Set(
      [...Object.values(verbs), demoVerb]
        .flatMap(({ options }) => Object.values(options))
        .flatMap(({ flag, aliases }) => [flag, ...aliases]),
    );
    const commands = (await readDocument(name)).matchAll(/(?<![\w-])--([a-z][\w-]*)/g);
    const unknown = [...commands].map(([, flag = ""]) => flag).filter((flag) => !flags.has(flag) && !foreign.has(flag));
    expect(unknown).toEqual([]);
  });

  test("are the calls made to Cassandra", async () => {
    const text = await readDocument("docs/jmx.md");
    for (const { name } of Object.values(operations)) expect(text).toContain(`\`${name}\``);
    for (const bean of Object.values(beans)) if (typeof bean === "string") expect(text).toContain(`\`${bean}\``);
  });

  test("are files there are", async () => {
    for (const name of ["ARCHITECTURE.md", ...documents]) {
      const text = await readDocument(name);
      for (const [, target = ""] of text.matchAll(/\]\(([^)#:]+)(?:#[\w-]+)?\)/g)) {
        const path = join(name, "..", target);
        await expect(readDocument(path), `${name} points to ${target}`).resolves.not.toBe("");
      }
    }
  });
});

/** Options of other programs. */
const foreign = new Set(["all", "full", "help", "project"]);
