import { describe, expect, it } from "vitest";
import { mayRead } from "./readable.ts";

const cassandra = { uid: 100, gid: 100 };

describe("Cassandra's user reads a download", () => {
  it.each([
    ["of its own", { uid: 100, gid: 1, mode: 0o600 }, true],
    ["of its own without the right", { uid: 100, gid: 100, mode: 0o077 }, false],
    ["of another user for all", { uid: 1, gid: 1, mode: 0o644 }, true],
    ["of another user for its group", { uid: 1, gid: 100, mode: 0o640 }, true],
    ["of another user and group", { uid: 1, gid: 1, mode: 0o640 }, false],
    ["of another user alone", { uid: 1, gid: 100, mode: 0o600 }, false],
  ])("%s", (_, file, expected) => {
    expect(mayRead(cassandra, file)).toBe(expected);
    expect(mayRead({ uid: 0, gid: 0 }, file)).toBe(true);
  });
});
