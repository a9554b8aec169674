/** What Esop (Java) makes of manifests as we write them, and why nothing may be added to them. Needs no node. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Manifest } from "../../src/repository/repository.ts";
import { fileStorage } from "../../src/storage/file/file.ts";
import { esopJar, jarList } from "../harness/esop-jar.ts";
import { ManualClock } from "../harness/manual-clock.ts";
import { sampleKey, sampleManifest, sampleName, sampleTableId } from "../harness/sample-manifest.ts";
import { SampleNode, sampleSize } from "../harness/sample-node.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

/** A node in a `file://` store below the directory, and how both tools name the place. */
async function fileNode(root: string) {
  const storage = fileStorage({ root, bucket: "bucket", clock: new ManualClock(Date.now()) });
  await storage.createBucket();
  const node = new SampleNode(storage);
  const { cluster, datacenter, node: id } = node.repository.path;
  const directory = join(root, "bucket", cluster, datacenter, id);
  return { node, directory, location: `file://${directory}` };
}

describe("Esop lists", () => {
  it("our manifests: signed by white space, without schemas and hashes, of empty tables, with content keys", async () => {
    await using temporary = await temporaryDirectory();
    const { node, directory, location } = await fileNode(temporary.path);
    const plain = await node.backUp("plain", 1000, [1, 2]);
    expect(await readFile(join(directory, "manifests", `${plain.text}.json`), "utf8")).toMatch(/^\n\{/);
    const empty = sampleName("empty", 2000);
    await node.repository.writeManifest(empty, sampleManifest(empty, []));
    const rewritten = sampleName("rewritten", 3000);
    const contentKey = sampleKey(1, "Statistics.db").replace("1-1001", `1-1001-${"0a".repeat(8)}`);
    const entry = { objectKey: contentKey, type: "FILE", size: 7, hash: "ab".repeat(32) } as const;
    await node.repository.writeManifest(rewritten, sampleManifest(rewritten, [entry]));

    const listed = await jarList(location, temporary.path);
    expect(listed.map(({ name, files, size }) => ({ name, files, size }))).toEqual([
      { name: rewritten.text, files: 1, size: 7 },
      { name: empty.text, files: 0, size: 0 },
      { name: plain.text, files: 2, size: sampleSize(1) + sampleSize(2) },
    ]);
  });

  it("what is left while a removal of ours is under way", async () => {
    await using temporary = await temporaryDirectory();
    const { node, location } = await fileNode(temporary.path);
    const kept = await node.backUp("kept", 1000, [1]);
    const going = await node.backUp("going", 2000, [1, 2]);
    const { text } = await node.repository.readStoredManifest(going);
    await node.repository.beginRemoval(going, text);
    expect(await node.removalNames()).toEqual([going.text]);
    expect((await jarList(location, temporary.path)).map(({ name }) => name)).toEqual([kept.text]);
  });
});

describe("Esop lists no backup at all beside one manifest", () => {
  const name = sampleName("odd", 1000);
  const good = { objectKey: sampleKey(1), type: "FILE", size: 5, hash: null } as const;
  const manifest = sampleManifest(name, [good]);
  const extra = { madeBy: "us" };
  const table = { id: sampleTableId, sstables: { "nb-1-big": [good] } };
  const withTable = (content: Manifest["snapshot"]["keyspaces"][string]["tables"][string]): Manifest => {
    return { ...manifest, snapshot: { ...manifest.snapshot, keyspaces: { ks: { tables: { t: content } } } } };
  };
  const odd: readonly [string, Manifest, RegExp][] = [
    ["with a field it does not know", { ...manifest, ...extra }, /Unrecognized field "madeBy"/],
    [
      "whose snapshot has such a field",
      { ...manifest, snapshot: { ...manifest.snapshot, ...extra } },
      /Unrecognized field "madeBy"/,
    ],
    ["whose table has such a field", withTable({ ...table, ...extra }), /Unrecognized field "madeBy"/],
    [
      "whose entry has such a field",
      withTable({ ...table, sstables: { "nb-1-big": [{ ...good, ...extra }] } }),
      /Unrecognized field "madeBy"/,
    ],
    ["with an empty component", sampleManifest(name, [{ ...good, size: 0 }]), /Can not determine size of file/],
  ];

  it.each(odd)("%s", async (_, content, complaint) => {
    await using temporary = await temporaryDirectory();
    const { node, location } = await fileNode(temporary.path);
    await node.backUp("good", 500, [2]);
    await node.repository.writeManifest(name, content);
    const { status, output } = await esopJar(
      "list",
      `--storage-location=${location}`,
      `--cache-dir=${temporary.path}/cache`,
    );
    expect(output).toMatch(complaint);
    expect(status).toBe(1);
    expect(await node.names()).toHaveLength(2);
    await expect(node.repository.readManifest(name)).resolves.toMatchObject({ schemaVersion: name.schemaVersion });
  });
});
