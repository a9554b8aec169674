/** The keyspace of the demonstration: what is in it, what is done to it, and whether it is what it was. */
import { throwIfAborted } from "../errors.ts";
import type { CqlSession } from "../sandbox/sandbox.ts";

export const shopKeyspace = "shop";

interface ShopTable {
  readonly name: string;
  readonly primaryKey: readonly string[];
}

export const shopTables: readonly ShopTable[] = [
  { name: "customers", primaryKey: ["id"] },
  { name: "orders", primaryKey: ["customer", "number"] },
  { name: "visits", primaryKey: ["page"] },
];

const customers = 1000;
const ordersOfEach = 2;
const pages = 100;
const laterCustomers = 250;
const atOnce = 64;

const statements = (datacenter: string) => [
  `CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', '${datacenter}': 1}`,
  "CREATE TABLE shop.customers (id int PRIMARY KEY, name text, city text)",
  "CREATE INDEX customers_by_city ON shop.customers (city)",
  `CREATE TABLE shop.orders (customer int, number int, total decimal, items map<text, int>,
     PRIMARY KEY (customer, number)) WITH CLUSTERING ORDER BY (number DESC)`,
  "CREATE CUSTOM INDEX orders_by_total ON shop.orders (total) USING 'StorageAttachedIndex'",
  "CREATE TABLE shop.visits (page text PRIMARY KEY, count counter)",
];

type Statement = readonly [query: string, parameters: readonly unknown[]];

async function runAll(cql: CqlSession, all: readonly Statement[], signal: AbortSignal): Promise<void> {
  for (let start = 0; start < all.length; start += atOnce) {
    throwIfAborted(signal);
    const part = all.slice(start, start + atOnce);
    await Promise.all(part.map(([query, parameters]) => cql.execute(query, parameters)));
  }
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

const cities = ["Athens", "Bergen", "Cork", "Delft"] as const;

function customerRows(id: number): Statement[] {
  const orders = range(1, ordersOfEach).map(
    (number): Statement => [
      "INSERT INTO shop.orders (customer, number, total, items) VALUES (?, ?, ?, ?)",
      [id, number, `${id % 90}.${String(number).padStart(2, "0")}`, { [`article ${id % 40}`]: number, wrapping: 1 }],
    ],
  );
  return [
    [
      "INSERT INTO shop.customers (id, name, city) VALUES (?, ?, ?)",
      [id, `customer ${id}`, cities[id % cities.length]],
    ],
    ...orders,
  ];
}

export async function createShop(cql: CqlSession, datacenter: string, signal: AbortSignal): Promise<void> {
  for (const statement of statements(datacenter)) {
    throwIfAborted(signal);
    await cql.execute(statement);
  }
  const visits = range(0, pages).map(
    (page): Statement => ["UPDATE shop.visits SET count = count + ? WHERE page = ?", [page + 1, `/page/${page}`]],
  );
  await runAll(cql, [...range(0, customers).flatMap(customerRows), ...visits], signal);
}

/** More customers with their orders; gives the number of new rows. */
export async function addToShop(cql: CqlSession, signal: AbortSignal): Promise<number> {
  const rows = range(customers, laterCustomers).flatMap(customerRows);
  await runAll(cql, rows, signal);
  return rows.length;
}

/** Changes, deletes and adds rows and empties a table; gives what was done, a line each. */
export async function damageShop(cql: CqlSession, signal: AbortSignal): Promise<readonly string[]> {
  const [changed, deleted, added] = [range(0, 300), range(300, 200), range(5000, 50)];
  await runAll(
    cql,
    [
      ...changed.map((id): Statement => ["UPDATE shop.customers SET city = 'nowhere' WHERE id = ?", [id]]),
      ...deleted.map((id): Statement => ["DELETE FROM shop.customers WHERE id = ?", [id]]),
      ...added.map((id): Statement => ["INSERT INTO shop.customers (id, name) VALUES (?, 'nobody')", [id]]),
      ["UPDATE shop.visits SET count = count + 1000 WHERE page = '/page/7'", []],
    ],
    signal,
  );
  await cql.execute("TRUNCATE shop.orders");
  return [
    `shop.customers: ${changed.length} rows changed, ${deleted.length} deleted, ${added.length} added`,
    "shop.visits: 1 counter changed",
    "shop.orders: truncated",
  ];
}

/** Every row as text, by table and then by primary key; and what the indexes answer, as tables of their own. */
export type ShopContent = ReadonlyMap<string, ReadonlyMap<string, string>>;

export async function readShop(cql: CqlSession, signal: AbortSignal): Promise<ShopContent> {
  const content = new Map<string, Map<string, string>>();
  const read = async (name: string, query: string, primaryKey: readonly string[]) => {
    throwIfAborted(signal);
    const rows = new Map<string, string>();
    for await (const row of await cql.execute(query, [], { fetchSize: 1000 })) {
      rows.set(JSON.stringify(primaryKey.map((column) => row.get(column))), JSON.stringify(row));
    }
    content.set(name, rows);
  };
  for (const { name, primaryKey } of shopTables) {
    await read(`${shopKeyspace}.${name}`, `SELECT * FROM shop.${name}`, primaryKey);
  }
  await read("index customers_by_city", "SELECT * FROM shop.customers WHERE city = 'Bergen'", ["id"]);
  await read("index orders_by_total", "SELECT * FROM shop.orders WHERE total = 7.01", ["customer", "number"]);
  return content;
}

export interface Difference {
  readonly name: string;
  readonly rows: number;
  readonly missing: number;
  readonly changed: number;
  readonly unexpected: number;
}

/** The differences between the tables, an entry for each table. */
export function compareShops(expected: ShopContent, found: ShopContent): readonly Difference[] {
  return [...expected].map(([name, rows]) => {
    const now = found.get(name) ?? new Map<string, string>();
    let [missing, changed] = [0, 0];
    for (const [key, row] of rows) {
      const present = now.get(key);
      if (present === undefined) missing += 1;
      else if (present !== row) changed += 1;
    }
    const unexpected = [...now.keys()].filter((key) => !rows.has(key)).length;
    return { name, rows: rows.size, missing, changed, unexpected };
  });
}

export function isDifferent({ missing, changed, unexpected }: Difference): boolean {
  return missing + changed + unexpected > 0;
}
