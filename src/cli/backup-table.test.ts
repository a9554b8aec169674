import { describe, expect, it } from "vitest";
import type { ShownNode } from "../app/app.ts";
import { describeBackups } from "./backup-table.ts";

const schemaVersion = "e84b6a60-24cf-30ca-9b58-452d92911703";

function backup(tag: string, createdMs: number, more: Partial<ShownNode["backups"][number]> = {}) {
  const name = { text: `${tag}-${schemaVersion}-${createdMs}`, tag, schemaVersion, createdMs };
  const numbers = { tables: 123, files: 12_345, bytes: 1_234_567_890_123, reclaimableBytes: 123_456_789 };
  return { name, ...numbers, encryptedWith: [], damaged: undefined, ...more };
}

function node(backups: ShownNode["backups"], more: Partial<ShownNode> = {}): ShownNode {
  return {
    path: { cluster: "prod", datacenter: "dc1", node: "6f1f1b2c-8a9e-4a4e-9a3b-2f8f6d1f0a11" },
    address: undefined,
    backups,
    total: { backups: backups.length, files: 12_345, bytes: 2 ** 40 },
    ...more,
  };
}

const nightly = backup("nightly", 1_795_398_368_000);
const automatic = backup("autosnap-1795398368", 1_795_398_368_123);
const lines = (text: string) => text.split("\n");

describe("the table of backups", () => {
  it("has exact bytes and one line for a backup where no terminal reads it", () => {
    const text = describeBackups(node([automatic]), { humanUnits: false, columns: undefined });
    expect(lines(text)).toEqual([
      "prod/dc1/6f1f1b2c-8a9e-4a4e-9a3b-2f8f6d1f0a11",
      "TIME                  TABLES  FILES           SIZE  RECLAIMABLE  BACKUP",
      `2026-11-23T01:46:08Z     123  12345  1234567890123    123456789  ${automatic.name.text}`,
      "1 backup; 12345 files, 1099511627776 in total (shared files counted once)",
    ]);
  });

  it("is the same on a wide terminal, with units", () => {
    const text = describeBackups(node([automatic]), { humanUnits: true, columns: 140 });
    expect(lines(text)[2]).toBe(`2026-11-23T01:46:08Z     123  12345  1.12 TiB    117.7 MiB  ${automatic.name.text}`);
  });

  it("puts names on lines of their own at 80 columns", () => {
    const text = describeBackups(node([nightly, automatic]), { humanUnits: true, columns: 80 });
    expect(lines(text)).toEqual([
      "prod/dc1/6f1f1b2c-8a9e-4a4e-9a3b-2f8f6d1f0a11",
      "TIME                  TABLES  FILES      SIZE  RECLAIMABLE",
      "2026-11-23T01:46:08Z     123  12345  1.12 TiB    117.7 MiB",
      `  ${nightly.name.text}`,
      "2026-11-23T01:46:08Z     123  12345  1.12 TiB    117.7 MiB",
      `  ${automatic.name.text}`,
      "2 backups; 12345 files, 1.00 TiB in total (shared files counted once)",
    ]);
  });

  it.each([60, 50, 40])("fits %d columns", (columns) => {
    const keys = { encryptedWith: ["aes11111111", "kms22222222"] };
    const backups = [nightly, automatic, backup("old", 1, { ...keys, damaged: "not JSON" })];
    const text = describeBackups(node(backups, { address: "192.168.100.100" }), { humanUnits: true, columns });
    const [, ...rest] = lines(text);
    for (const line of rest) expect(line.length).toBeLessThanOrEqual(columns);
    expect(text).toContain("\n  autosnap-1795398368\n");
    expect(text).toContain("RECLAIMABLE".slice(0, columns < 45 ? 0 : undefined));
  });

  it("keeps full names where a tag is not enough to name the backup", () => {
    const backups = [nightly, backup("nightly", 2)];
    const style = { humanUnits: true, columns: 40 };
    expect(describeBackups(node(backups), style)).toContain(nightly.name.text);
    const total = { backups: 9, files: 1, bytes: 1 };
    expect(describeBackups(node([nightly], { total }), style)).toContain(nightly.name.text);
  });

  it("shows control characters in names as escapes", () => {
    const evil = backup("\u001b[2J\nx", 1);
    for (const columns of [undefined, 60, 200]) {
      expect(describeBackups(node([evil]), { humanUnits: true, columns })).toContain("\\x1b[2J\\nx");
    }
  });
});
