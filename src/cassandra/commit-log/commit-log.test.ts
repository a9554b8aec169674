import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { body, int, lz4, mutation, mutationsIn, of, segment } from "../../../test/harness/commit-log.ts";
import { sampleBytes } from "../../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { findInCommitLog, listSegments, maskTables } from "./commit-log.ts";

const id = (digit: string) => digit.repeat(32);
const [mine, other, third] = [id("a"), id("b"), id("c")];
const wanted = { wanted: new Set([mine]), foreign: new Set<string>() };

const tableArbitrary = fc.constantFrom(mine, other, third);
const single = fc
  .tuple(tableArbitrary, fc.nat({ max: 60 }), fc.nat())
  .map(([table, length, seed]) => mutation(body(of(table, length, seed))));
const sections = fc.array(fc.array(single, { maxLength: 6 }), { maxLength: 5 });

describe("masking", () => {
  it("turns the wanted tables' mutations into nobody's; lengths, positions and all others stay", () => {
    fc.assert(
      fc.property(sections, fc.constantFrom("{}", ""), fc.constantFrom(0, 3, 8, 64), (sections, parameters, spare) => {
        const before = segment({ sections, parameters, spare });
        const after = Buffer.from(before);
        const [was, masked] = [mutationsIn(before), maskTables(after, wanted)];
        const is = mutationsIn(after);
        expect(after.length).toBe(before.length);
        expect(masked).toBe(was.filter(({ table }) => table === mine).length);
        expect(is.map(({ position }) => position)).toEqual(was.map(({ position }) => position));
        for (const [n, { table, body }] of was.entries()) {
          if (table !== mine) expect(is[n]?.body.equals(body)).toBe(true);
          else {
            expect([mine, other, third]).not.toContain(is[n]?.table);
            expect(is[n]?.body[0]).toBe(1);
            expect(is[n]?.body.subarray(17).equals(body.subarray(17))).toBe(true);
          }
        }
        expect(maskTables(after, wanted)).toBe(0);
        expect(maskTables(Buffer.from(before), { wanted: new Set(), foreign: new Set() })).toBe(0);
      }),
    );
  });

  it("takes several tables at once", () => {
    const bytes = segment({ sections: [[mine, other, third].map((table) => mutation(body(of(table))))] });
    expect(maskTables(bytes, { wanted: new Set([mine, third]), foreign: new Set() })).toBe(2);
    expect(mutationsIn(bytes).filter(({ table }) => table === other)).toHaveLength(1);
  });

  it("does not mistake an id among the data for a table's", () => {
    const bytes = segment({ sections: [[mutation(body({ table: other, content: Buffer.from(mine, "hex") }))]] });
    const before = Buffer.from(bytes);
    expect(maskTables(bytes, wanted)).toBe(0);
    expect(bytes.equals(before)).toBe(true);
  });

  it("stops where the valid data ends", () => {
    const valid = segment({ sections: [[mutation(body(of(mine)))]], spare: 0 });
    const unsynced = Buffer.concat([valid, int(0, 0), mutation(body(of(mine)))]);
    expect(maskTables(unsynced, wanted)).toBe(1);
    const early = Buffer.concat([mutation(body(of(mine))), int(0), mutation(body(of(mine)))]);
    expect(maskTables(segment({ sections: [[early]] }), wanted)).toBe(1);
  });
});

describe("a mutation of several tables", () => {
  const batch = (...tables: readonly string[]) =>
    segment({ sections: [[mutation(body(...tables.map((table) => of(table))))]] });

  it("is entangled where one of them is wanted, first or not", () => {
    for (const bytes of [batch(mine, other), batch(other, mine), batch(mine, mine), batch(other, third, mine)]) {
      expect(maskTables(bytes, wanted)).toBe("entangled");
    }
  });

  it("is left alone where none is", () => {
    const bytes = batch(other, third);
    const before = Buffer.from(bytes);
    expect(maskTables(bytes, wanted)).toBe(0);
    expect(bytes.equals(before)).toBe(true);
  });

  it("of another keyspace may hold the id as data", () => {
    const foreign = { ...wanted, foreign: new Set([other]) };
    expect(maskTables(batch(other, mine), foreign)).toBe(0);
    expect(maskTables(batch(third, mine), foreign)).toBe("entangled");
    expect(maskTables(batch(mine, other), foreign)).toBe("entangled");
  });
});

describe("segments that cannot be looked into", () => {
  it("are entangled if they hold anything", () => {
    const sections = [[sampleBytes(50)]];
    for (const parameters of [lz4, '{"encCipher":"AES/CBC/PKCS5Padding","encIV":"x","encKeyAlias":"k"}']) {
      expect(maskTables(segment({ sections, parameters }), wanted)).toBe("entangled");
      expect(maskTables(segment({ parameters }), wanted)).toBe(0);
      expect(maskTables(segment({ parameters, spare: 0 }), wanted)).toBe(0);
    }
  });

  it("hold nothing when they have no header yet", () => {
    for (const length of [0, 1, 17, 18, 20, 4096]) expect(maskTables(Buffer.alloc(length), wanted)).toBe(0);
  });

  it("are entangled with a torn marker, a wrong one, or one that leads astray", () => {
    const whole = segment({ sections: [[mutation(body(of(other)))]], spare: 0 });
    const changed = (offset: number, ...values: readonly number[]) => {
      const bytes = Buffer.from(whole);
      int(...values).copy(bytes, offset);
      return maskTables(bytes, wanted);
    };
    const [end, crc] = [whole.readInt32BE(20), whole.readInt32BE(24)];
    expect(changed(20, end, crc)).toBe(0);
    for (const marker of [
      [end, 0],
      [0, crc],
      [end, crc ^ 1],
      [end + 1, crc],
      [-1, crc],
      [20, crc],
      [19, crc],
    ]) {
      expect(changed(20, ...marker)).toBe("entangled");
    }
  });

  it("are entangled with a mutation that does not fit or is damaged", () => {
    const whole = mutation(body(of(mine)));
    expect(maskTables(segment({ sections: [[whole]] }), wanted)).toBe(1);
    for (let cut = 1; cut < whole.length - 12; cut += 1) {
      expect(maskTables(segment({ sections: [[whole.subarray(0, -cut)]] }), wanted)).toBe("entangled");
    }
    for (let at = 0; at < whole.length; at += 1) {
      const spoiled = Buffer.from(whole);
      spoiled.writeUInt8(spoiled.readUInt8(at) ^ 1, at);
      const bytes = segment({ sections: [[spoiled]] });
      const before = Buffer.from(bytes);
      const inId = at >= 9 && at < 25;
      expect([at, maskTables(bytes, wanted)]).toEqual([at, inId ? 0 : "entangled"]);
      expect(bytes.equals(before)).toBe(true);
    }
  });

  it("never make it fail, whatever is in them", () => {
    const noise = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));
    const odd = fc
      .tuple(fc.integer(), noise)
      .map(([size, bytes]) => Buffer.concat([int(size, crc32(int(size))), bytes]));
    const small = fc.tuple(fc.nat({ max: 90 }), noise).map(([size, bytes]) => {
      return Buffer.concat([int(size, crc32(int(size))), Buffer.from([1]), Buffer.from(mine, "hex"), bytes]);
    });
    const spoiled = fc.array(fc.array(fc.oneof(single, noise, odd, small), { maxLength: 4 }), { maxLength: 3 });
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 3 });
    fc.assert(
      fc.property(spoiled, flips, fc.option(fc.nat(), { nil: undefined }), (sections, flips, cut) => {
        const made = segment({ sections, spare: 8 });
        for (const [at, change] of flips) made.writeUInt8(made.readUInt8(at % made.length) ^ change, at % made.length);
        const bytes = cut === undefined ? made : made.subarray(0, cut % (made.length + 1));
        const masked = maskTables(bytes, wanted);
        expect(masked === "entangled" || (Number.isInteger(masked) && masked >= 0)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a commit log directory", () => {
  it("tells the segments that hold the tables' mutations, and changes none", async () => {
    await using directory = await temporaryDirectory();
    const put = (name: string, bytes: Uint8Array) => writeFile(join(directory.path, name), bytes);
    const hit = segment({ sections: [[mutation(body(of(mine)))]] });
    await put("CommitLog-7-2.log", hit);
    await put("CommitLog-7-1.log", segment({ sections: [[mutation(body(of(other)))]] }));
    await put("CommitLog-7-3.log", segment({}));
    await put("CommitLog-7-3_cdc.idx", hit);
    await put("CommitLog-7-4.log.tmp", hit);
    expect(await findInCommitLog(directory.path, wanted)).toEqual({
      segments: ["CommitLog-7-2.log"],
      entangled: false,
    });
    expect((await readFile(join(directory.path, "CommitLog-7-2.log"))).equals(hit)).toBe(true);
    await put("CommitLog-7-5.log", segment({ sections: [[sampleBytes(30)]], parameters: lz4 }));
    expect(await findInCommitLog(directory.path, wanted)).toEqual({ segments: ["CommitLog-7-2.log"], entangled: true });
    const aborted = findInCommitLog(directory.path, wanted, AbortSignal.abort());
    await expect(aborted).rejects.toMatchObject({ code: "cancelled" });
  });

  it("may be missing, but not unreadable", async () => {
    await using directory = await temporaryDirectory();
    expect(await findInCommitLog(join(directory.path, "none"), wanted)).toEqual({ segments: [], entangled: false });
    await writeFile(join(directory.path, "file"), "");
    await expect(listSegments(join(directory.path, "file"))).rejects.toMatchObject({ code: "io" });
    await mkdir(join(directory.path, "CommitLog-7-1.log"));
    await expect(findInCommitLog(directory.path, wanted)).rejects.toMatchObject({ code: "io" });
  });
});
