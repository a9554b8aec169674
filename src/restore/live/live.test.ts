import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LiveRestoreFixture } from "../../../test/harness/live-restore.ts";

let fixture: LiveRestoreFixture;

beforeEach(async () => {
  fixture = await LiveRestoreFixture.create();
});

afterEach(() => fixture[Symbol.asyncDispose]());

describe("--dry-run", () => {
  it("counts only downloaded files as already present", async () => {
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1", "nb-1-big-TOC.txt": "toc" } });
    expect(await fixture.restore({ "dry-run": "true" })).toMatchObject({
      fetched: { files: 2, bytes: 6 },
      reused: { files: 0, bytes: 0 },
    });
    expect(fixture.node.calls).toEqual([]);
    await fixture.restore({ "restoration-phase-type": "download" });
    expect(await fixture.restore({ "dry-run": "true" })).toMatchObject({
      fetched: { files: 0, bytes: 0 },
      reused: { files: 2, bytes: 6 },
    });
  });

  it("of the init phase counts the same", async () => {
    await fixture.backUp({ t: { "nb-1-big-Data.db": "t 1" } });
    for (const flags of [{}, { "dry-run": "true" }]) {
      expect(await fixture.restore({ "restoration-phase-type": "init", ...flags })).toMatchObject({
        fetched: { files: 1, bytes: 3 },
        reused: { files: 0 },
      });
    }
  });
});
