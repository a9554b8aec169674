import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { bytesSource, toArray } from "../../test/harness/sample-bytes.ts";
import { AppError, abortError } from "../errors.ts";
import { type ValidateStorageRequest, verbs } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import { faultyStorage, memoryStorage, type PlannedFault } from "../storage/testing/testing.ts";
import type { Finding } from "./finding.ts";
import { validateStorage } from "./validate.ts";

const stepNames: readonly string[] = [
  ...["bucket", "small put", "stat", "list", "get", "ranges", "overwrite", "conditional put", "large put"],
  ...["large get", "refresh", "large refresh", "delete", "absence", "store's clock"],
];
const refused = new AppError("unauthorized", "no", { permissions: ["p"] });
const always = Number.MAX_SAFE_INTEGER;

let clock: ManualClock;
let memory: Storage;

beforeEach(() => {
  const manual = new ManualClock();
  clock = Object.assign(manual, { sleep: (ms: number) => manual.advance(ms) });
  memory = memoryStorage({ clock });
});

function requestOf(...words: readonly string[]): ValidateStorageRequest {
  const [location = "s3://bucket", thorough = "false"] = words;
  const given = { storageLocation: location, thorough };
  const source = new Map(Object.entries(given).map(([key, text]) => [key, { texts: [text], origin: key }]));
  return verbs["validate-storage"].parse([source], { homeDirectory: "/home/x" });
}

interface Run {
  readonly findings: readonly Finding[];
  /** The verdict of each step that was not passed, or the code of its failure. */
  readonly bad: Readonly<Record<string, string>>;
}

async function validate(storage: Storage, request = requestOf(), signal = new AbortController().signal): Promise<Run> {
  const told: Finding[] = [];
  const findings = await validateStorage(request, {
    clock,
    signal,
    openStorage: async () => storage,
    onFinding: (finding) => told.push(finding),
  });
  expect(told).toEqual(findings);
  const bad = findings.filter(({ verdict }) => verdict !== "ok");
  return { findings, bad: Object.fromEntries(bad.map(({ check, code, verdict }) => [check, code ?? verdict])) };
}

const keys = async () => (await toArray(memory.list(""))).map(({ key }) => key);

describe("the validation of a store", () => {
  it("passes on a store that keeps its word, and leaves what was there", async () => {
    await memory.put("other", bytesSource(Buffer.from("{}")));
    const { findings, bad } = await validate(memory);
    expect(findings.map(({ check }) => check)).toEqual(stepNames);
    expect(bad).toEqual({});
    expect(await keys()).toEqual(["other"]);
  });

  it("also lists more than a page when told to", async () => {
    const { findings, bad } = await validate(memory, requestOf("s3://bucket", "true"));
    expect(findings.map(({ check }) => check)).toEqual(stepNames.toSpliced(12, 0, "many puts", "long list"));
    expect(bad).toEqual({});
    expect(await keys()).toEqual([]);
  });

  it("writes below the node of the location, and nowhere else", async () => {
    const written: string[] = [];
    const matches = (key: string) => {
      written.push(key);
      return false;
    };
    await validate(
      faultyStorage(memory, [{ method: "put", matches, fault: { kind: "before" } }]),
      requestOf("s3://bucket/c/dc/n"),
    );
    expect(written.length).toBeGreaterThan(4);
    for (const key of written) expect(key).toMatch(/^c\/dc\/n\/\.esop-check-[0-9a-f-]{36}-\w+$/);
  });

  it("says of a store without conditional puts that it does not promise them", async () => {
    const storage = { ...faultyStorage(memory, []), capabilities: { ...memory.capabilities, putIfAbsent: false } };
    const { findings, bad } = await validate(storage);
    expect(bad).toEqual({});
    expect(findings.find(({ check }) => check === "conditional put")?.says).toMatch(/^not guaranteed/);
  });

  const refusal = (method: PlannedFault["method"], part?: string): PlannedFault => ({
    method,
    ...(part === undefined ? {} : { matches: (key) => key.endsWith(part) }),
    times: always,
    fault: { kind: "before", error: refused },
  });
  const skipped = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, "skip"]));
  const denied = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, "unauthorized"]));

  it.each<[what: string, fault: PlannedFault, bad: Readonly<Record<string, string>>]>([
    ["looking for the bucket", refusal("bucketExists"), denied("bucket")],
    [
      "puts",
      refusal("put"),
      {
        ...denied("small put", "overwrite", "conditional put", "large put"),
        ...skipped("stat", "list", "get", "ranges", "large get", "refresh", "large refresh"),
      },
    ],
    ["the large put", refusal("put", "large"), { ...denied("large put"), ...skipped("large get", "large refresh") }],
    ["stat", refusal("stat"), denied("stat", "refresh", "large refresh", "absence")],
    ["list", refusal("list"), denied("list", "absence")],
    ["get", refusal("get"), denied("get", "ranges", "overwrite", "large get", "absence")],
    ["refresh", refusal("refresh"), denied("refresh", "large refresh")],
  ])("names %s that is refused, goes on, and leaves nothing", async (_, fault, expected) => {
    const { findings, bad } = await validate(faultyStorage(memory, [fault]));
    expect(bad).toEqual(expected);
    for (const { code, permissions } of findings) expect(permissions).toEqual(code === undefined ? undefined : ["p"]);
    expect(await keys()).toEqual([]);
  });

  it("says what it cannot delete", async () => {
    const { findings, bad } = await validate(faultyStorage(memory, [refusal("delete")]));
    expect(bad).toEqual({ delete: "unauthorized", absence: "skip" });
    const [key = ""] = await keys();
    const left = key.slice(0, key.lastIndexOf("-"));
    const { says, hint } = findings.find(({ check }) => check === "delete") ?? {};
    expect(says).toBe(`no; objects ${left}* remain`);
    expect(hint).toMatch(/delete the remaining/);
  });

  it.each<[what: string, fault: PlannedFault, bad: Readonly<Record<string, string>>]>([
    ["a wrong byte of the small object", { method: "get", fault: { kind: "wrong-byte", at: 3 } }, { get: "storage" }],
    [
      "a wrong byte of the large object",
      { method: "get", matches: (key) => key.endsWith("large"), fault: { kind: "wrong-byte", at: 20_000_000 } },
      { "large get": "storage" },
    ],
    ["a listing that is late", { method: "list", fault: { kind: "cut", after: 0 } }, { list: "storage" }],
    [
      "one writer that fails otherwise",
      { method: "put", skip: 2, fault: { kind: "before" } },
      { "conditional put": "storage" },
    ],
  ])("names %s", async (_, fault, expected) => {
    expect((await validate(faultyStorage(memory, [fault]))).bad).toEqual(expected);
    expect(await keys()).toEqual([]);
  });

  it.each<[what: string, broken: Partial<Storage>, bad: Readonly<Record<string, string>>]>([
    ["that keeps dates", { refresh: async () => undefined }, { refresh: "storage", "large refresh": "storage" }],
    ["that lists nothing", { list: async function* () {} }, { list: "storage" }],
    ["without the bucket", { bucketExists: async () => false }, { bucket: "not-found" }],
    [
      "that is not there",
      { bucketExists: () => Promise.reject(new AppError("unreachable", "no")) },
      { bucket: "unreachable" },
    ],
  ])("names a store %s", async (_, broken, expected) => {
    const { findings, bad } = await validate({ ...faultyStorage(memory, []), ...broken });
    expect(bad).toEqual(expected);
    if ("bucket" in expected) expect(findings).toHaveLength(1);
    expect(await keys()).toEqual([]);
  });

  it("names two writers that both win", async () => {
    const sound = faultyStorage(memory, []);
    const put: Storage["put"] = (key, source, { ifAbsent: _, ...options } = {}) => sound.put(key, source, options);
    expect((await validate({ ...sound, put })).bad).toEqual({ "conditional put": "storage" });
  });

  it("names a store that keeps what it was told to delete", async () => {
    const keeping = { ...faultyStorage(memory, []), delete: async () => ({ failed: [] }) };
    expect((await validate(keeping)).bad).toEqual({ absence: "storage" });
  });

  it.each(["put", "get", "refresh", "delete"] as const)("leaves nothing after an abort during a %s", async (method) => {
    const stop = new AbortController();
    const sound = faultyStorage(memory, []);
    const aborting = async () => {
      stop.abort();
      throw abortError(stop.signal);
    };
    const fault: Partial<Storage> =
      method === "delete"
        ? { delete: (names, options) => (options?.signal === stop.signal ? aborting() : sound.delete(names, options)) }
        : method === "put"
          ? {
              put: (key, source, options) =>
                key.endsWith("large")
                  ? sound.put(key, source, options).then(aborting)
                  : sound.put(key, source, options),
            }
          : { [method]: aborting };
    await expect(validate({ ...sound, ...fault }, requestOf(), stop.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(await keys()).toEqual([]);
  });
});
