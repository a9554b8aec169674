import { expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { SampleNode } from "../../test/harness/sample-node.ts";
import { memoryStorage } from "../storage/testing/testing.ts";
import { EarlierBackups } from "./earlier-backups.ts";

it("are listed once, and the manifest that was read last is read once, until it is forgotten", async () => {
  const storage = memoryStorage({ clock: new ManualClock() });
  const asked: string[] = [];
  const counted = {
    ...storage,
    list: (...how: Parameters<typeof storage.list>) => {
      asked.push("list");
      return storage.list(...how);
    },
    get: (...how: Parameters<typeof storage.get>) => {
      asked.push("get");
      return storage.get(...how);
    },
  };
  const node = new SampleNode(counted);
  await node.backUp("a", 1000, [1]);
  await node.backUp("b", 2000, [1]);
  const earlier = new EarlierBackups(node.repository);
  const [newest, older] = await earlier.list();
  if (newest === undefined || older === undefined) throw new Error("two backups were made");
  expect(newest.name.tag).toBe("b");
  expect(await earlier.list()).toHaveLength(2);
  asked.length = 0;
  const { manifest } = await earlier.read(newest.name);
  expect((await earlier.read(newest.name)).manifest).toBe(manifest);
  expect(asked).toEqual(["get"]);
  expect((await earlier.read(older.name)).manifest.snapshot.name).toBe(older.name.text);
  earlier.forget();
  await earlier.read(older.name);
  expect(asked).toEqual(["get", "get", "get"]);
});
