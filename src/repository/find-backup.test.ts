import { describe, expect, it } from "vitest";
import { findNewestBackup, findOneBackup, matchBackups } from "./find-backup.ts";
import { backupName } from "./layout.ts";

const v1 = "11111111-1111-1111-1111-111111111111";
const v2 = "22222222-2222-2222-2222-222222222222";
const where = { where: "the store" };
const snap1 = backupName("snap1", v1, 1000);
const snap10 = backupName("snap10", v1, 9000);
const twice = [backupName("twice", v1, 2000), backupName("twice", v1, 4000), backupName("twice", v1, 3000)];
const drift = [backupName("drift", v1, 5000), backupName("drift", v2, 6000)];
const names = [snap10, ...drift, ...twice, snap1];
const texts = (found: readonly { text: string }[]) => found.map(({ text }) => text);

describe("what a name means", () => {
  it("a tag is that tag alone, never the beginning of another", () => {
    expect(matchBackups(names, "snap1", where)).toEqual([snap1]);
    expect(() => matchBackups([snap10], "snap1", where)).toThrow("no backup 'snap1' in the store");
    expect(() => matchBackups([snap1], "snap10", where)).toThrow("no backup 'snap10'");
    expect(() => matchBackups(names, "", where)).toThrow("no backup ''");
    expect(() => matchBackups(names, `snap10-${v1}-900`, where)).toThrow("no backup");
    expect(() => matchBackups(names, `drift-${v1.slice(0, 8)}`, where)).toThrow("no backup");
  });

  it("a full name and a tag with its schema version are taken", () => {
    expect(matchBackups(names, snap1.text, where)).toEqual([snap1]);
    expect(texts(matchBackups(names, `drift-${v2}`, where))).toEqual([`drift-${v2}-6000`]);
  });

  it("a full name is that backup even where another has it for a tag", () => {
    const odd = backupName(snap1.text, v1, 7000);
    expect(findOneBackup([odd, ...names], snap1.text, where)).toEqual(snap1);
  });

  it("several are given newest first, whatever the order they come in", () => {
    expect(matchBackups(names, "twice", where).map(({ createdMs }) => createdMs)).toEqual([4000, 3000, 2000]);
  });

  it("what is not there is refused with what is", () => {
    const hintOf = (wanted: string, from = names) => {
      try {
        matchBackups(from, wanted, where);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(hintOf("snap")).toMatchObject({ code: "not-found", hint: expect.stringContaining("snap10, snap1") });
    expect(hintOf("zzz")).toMatchObject({ hint: expect.stringContaining("there is snap10, drift, twice, snap1") });
    expect(hintOf("zzz", [])).toMatchObject({ hint: expect.stringContaining("no backup at all") });
  });
});

describe("a schema version", () => {
  it("keeps only the backups made with it", () => {
    const only = { ...where, schemaVersion: v1 };
    expect(texts(matchBackups(names, "drift", only))).toEqual([`drift-${v1}-5000`]);
    expect(findNewestBackup(names, "drift", only).backup.text).toBe(`drift-${v1}-5000`);
  });

  it("that none was made with is named, with those there are", () => {
    expect(() => matchBackups(names, "snap1", { ...where, schemaVersion: v2 })).toThrow(
      expect.objectContaining({
        code: "not-found",
        message: `no backup 'snap1' of schema version ${v2}`,
        hint: `there is ${snap1.text}`,
      }),
    );
  });
});

describe("choosing one", () => {
  it("to remove, nothing ambiguous is taken, and the candidates are named", () => {
    expect(findOneBackup(names, "snap1", where)).toEqual(snap1);
    expect(() => findOneBackup(names, "twice", where)).toThrow(
      expect.objectContaining({
        code: "ambiguous",
        message: "'twice' means 3 backups",
        hint: `name one in full: twice-${v1}-4000, twice-${v1}-3000, twice-${v1}-2000`,
      }),
    );
  });

  it("to restore, the newest of one schema version is taken, and the others told", () => {
    const { backup, older } = findNewestBackup(names, "twice", where);
    expect(backup.createdMs).toBe(4000);
    expect(older.map(({ createdMs }) => createdMs)).toEqual([3000, 2000]);
    expect(() => findNewestBackup(names, "drift", where)).toThrow(
      expect.objectContaining({ code: "ambiguous", hint: expect.stringContaining("--schema-version") }),
    );
  });

  it("a long list of candidates is cut short", () => {
    const many = Array.from({ length: 8 }, (_, n) => backupName("many", v1, n));
    expect(() => findOneBackup(many, "many", where)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/ and 3 more$/) }),
    );
  });
});
