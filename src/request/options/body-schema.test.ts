import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAppError } from "../../errors.ts";
import { isVerbName, type VerbName, verbs } from "../commands/verbs.ts";
import { bodySchema } from "./body-schema.ts";
import { jsonSource } from "./json.ts";
import type { JsonSchema } from "./json-schema.ts";

type Body = Readonly<Record<string, unknown>>;

const names = Object.keys(verbs).filter(isVerbName);
const schemas = new Map(names.map((name) => [name, bodySchema(name, verbs[name].options)]));
const formats = { uuid: true, "date-time": true } as const;
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true, formats });
const validators = new Map([...schemas].map(([name, schema]) => [name, ajv.compile(schema)]));
const location = "s3://b/c/d/n";

/** What each verb needs at least to be asked. */
const minimal: Readonly<Record<VerbName, Body>> = {
  backup: { storageLocation: location },
  restore: { storageLocation: location, snapshotTag: "t" },
  list: { storageLocation: location },
  "remove-backup": { storageLocation: location, oldest: true },
  check: { storageLocation: location },
  "validate-storage": { storageLocation: location },
  "rotate-key": { storageLocation: location, encryptionKeyFile: "/k", newDataKey: true },
};

/** What no schema of single fields can see. */
const acrossFields = [
  /^field 'fromTimestamp': '\d{4}-(02-(29|30|31)|(04|06|09|11)-31)T.* is not a time$/,
  /^the same --data-dir is given twice$/,
  /^encryption with a KMS key is supported on S3, not on /,
  /^with --kms-key-id an object has at most 9 tags of yours$/,
  /^server-side encryption as an option is of S3, not of /,
  /^storage class and object tags are of object stores, not of file$/,
  /^objects of the class .* cannot be read when a restore needs them$/,
  /^--sse-customer-key-file excludes encryption with the store's own keys$/,
  /^--sse-kms-key-id is for aws:kms$/,
  /^the object tag '.*' is given twice$/,
  /^an object has at most 10 tags$/,
  /^proxy options are given without --use-proxy$/,
  /^--use-proxy needs the proxy's host and port$/,
  /^--proxy-password is given without a name$/,
  /^JMX credentials are given both as a file and as options$/,
  /^--jmx-(password is given without a name|user is given without a password)$/,
  /^--jmx-(truststore-password is given without a truststore|keystore-password is given without a keystore)$/,
  /^--jmx-client-auth is given without a client certificate$/,
  /^--(datacenter|dcs) has an empty part between its commas$/,
  /^--(datacenter|dcs) confines a request to the cluster, and this one is for one node$/,
  /^more than one encryption key or passphrase is given$/,
  /^--encrypt and --kms-key-id exclude each other$/,
  /^--encrypt is given without a key$/,
  /^an encryption key is given without --encrypt$/,
  /^the storage location does not name a node$/,
  /^the current key is missing$/,
  /^nothing says what to change$/,
  /^--keep-old is given without a new key$/,
  /^--entities is valid only with --schema$/,
  /^--schema cannot be combined with options that filter or format the list$/,
  /^no backup to remove is selected$/,
  /^(--\S+ and )+--\S+ exclude each other$/,
  /^--rate repeats a removal, and a backup can be removed by --name only once$/,
  /^--\S+ is for (IMPORT|HARDLINKS|IN_PLACE)/,
  /^--restoration-phase-type \w+ is for HARDLINKS and IMPORT, IN_PLACE has only init and cleanup$/,
  /^--single-phase is given without a phase$/,
  /^--restoration-force-cleanup is for the phase cleanup$/,
  /^tables can be renamed only when the entities are named$/,
  /^\w+\.\w+ is (to be renamed but is not among the entities|the target of a renaming and among the entities itself)$/,
  /^\w+\.\w+ is (renamed twice|the target of two renamings)$/,
];

function refusal(name: VerbName, body: unknown): string | undefined {
  try {
    verbs[name].parse([jsonSource(verbs[name].options, body)], { homeDirectory: "/home/op" });
    return undefined;
  } catch (error) {
    if (!isAppError(error, "usage")) throw error;
    return error.message;
  }
}

function accepts(name: VerbName, body: unknown): boolean {
  return validators.get(name)?.(body) === true;
}

/** Values that a schema accepts. */
function valid(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(valid));
  return fc.oneof(...[schema.type ?? []].flat().map((type) => validOf(type, schema)));
}

function validOf(type: string, schema: JsonSchema): fc.Arbitrary<unknown> {
  const { minimum: min = 0, maximum: max = 1e9, items = {}, properties, propertyNames = {} } = schema;
  if (type === "boolean") return fc.boolean();
  if (type === "integer") return fc.integer({ min, max });
  if (type === "number") return fc.double({ min, max, noNaN: true });
  if (type === "string") return matching(schema.pattern ?? "^.*$");
  if (type === "array") return fc.array(valid(items), { maxLength: 3 });
  if (properties !== undefined) return validObject(schema);
  const { additionalProperties } = schema;
  const values = typeof additionalProperties === "object" ? valid(additionalProperties) : fc.constant(undefined);
  return fc.dictionary(matching(propertyNames.pattern ?? ""), values, { maxKeys: 3, noNullPrototype: true });
}

/** The generator knows no Unicode properties. */
const classes = { L: "A-Za-z", N: "0-9", Cc: String.raw`\u0000-\u001f\u007f-\u009f` };

function matching(pattern: string): fc.Arbitrary<string> {
  const spelled = Object.entries(classes).reduce(
    (text, [name, characters]) => text.replaceAll(`\\p{${name}}`, characters),
    pattern,
  );
  return fc.stringMatching(new RegExp(spelled, "u"));
}

/** Few fields at once, so that not every body is refused for a combination. */
function validObject({ properties = {} }: JsonSchema): fc.Arbitrary<Body> {
  return fc
    .subarray(Object.keys(properties), { maxLength: 4 })
    .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, valid(properties[key] ?? {})]))));
}

/** Each field of a verb, dotted where it is nested, with its schema. */
function fieldsOf(name: VerbName): readonly (readonly [string, JsonSchema])[] {
  return Object.entries(schemas.get(name)?.properties ?? {}).flatMap(([field, schema]) =>
    schema.properties === undefined
      ? [[field, schema] as const]
      : Object.entries(schema.properties).map(([inner, innerSchema]) => [`${field}.${inner}`, innerSchema] as const),
  );
}

function withField(body: Body, field: string, value: unknown): Body {
  const [outer = "", inner] = field.split(".");
  return { ...body, [outer]: inner === undefined ? value : { [inner]: value } };
}

const oddTexts = [
  "",
  " ",
  ".",
  "..",
  "0",
  "-1",
  "1.5",
  "true",
  "yes",
  "ks.",
  "a=b=c",
  "a/b",
  "1 fortnight",
  "s3://",
  "file:///",
];
const anyValue = fc.oneof(
  fc.constantFrom(...oddTexts),
  fc.string(),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.array(fc.oneof(fc.string(), fc.integer(), fc.constantFrom(...oddTexts)), { maxLength: 3 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** A value that the schema accepts, with a character too many, too few or another; a number just past the bounds. */
function nearly(schema: JsonSchema): fc.Arbitrary<unknown> {
  const damage = fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.constantFrom(..."./:,=0a -\0"));
  const texts = fc.tuple(valid(schema), damage).map(([value, [at, removed, added]]) => {
    const damaged = (text: unknown) =>
      Array.from(String(text))
        .toSpliced(at % 20, removed, added)
        .join("");
    return Array.isArray(value) ? value.map(damaged) : damaged(value);
  });
  const { minimum = 0, maximum = 0 } = schema;
  return fc.oneof(texts, fc.constantFrom(minimum - 1, minimum / 2, maximum + 1, maximum * 2));
}

describe.each(names)("the schema of a %s", (name) => {
  const schema = schemas.get(name) ?? {};

  it("is a valid one of JSON Schema 2020-12", () => {
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  it("has a field for every option but the general ones", () => {
    const options = Object.entries(verbs[name].options).filter(([, { group }]) => group !== "general");
    const fields = new Map(fieldsOf(name).filter(([field]) => !/(^|\.)type$/.test(field)));
    expect([...fields.keys()].sort()).toEqual(options.map(([key, { json }]) => json ?? key).sort());
    for (const [key, { json, help, secret }] of options) {
      const field = fields.get(json ?? key);
      expect(field?.description?.startsWith(help)).toBe(true);
      expect(field?.writeOnly === true).toBe(secret);
    }
  });

  it("accepts the least that can be asked", () => {
    expect(accepts(name, { type: name, ...minimal[name] })).toBe(true);
    expect(refusal(name, minimal[name])).toBeUndefined();
  });

  it("gives the defaults that hold", () => {
    const body = structuredClone({ ...minimal[name], retry: {}, proxySettings: {}, import: {} });
    for (const nest of ["retry", "proxySettings", "import"] as const) {
      if (schema.properties?.[nest] === undefined) delete (body as Partial<typeof body>)[nest];
    }
    const parse = (given: unknown) =>
      verbs[name].parse([jsonSource(verbs[name].options, given)], { homeDirectory: "/home/op" });
    const expected = parse(minimal[name]);
    new Ajv2020({ strict: true, allowUnionTypes: true, formats, useDefaults: true }).compile(schema)(body);
    expect(Object.keys(body).length).toBeGreaterThan(Object.keys(minimal[name]).length);
    expect(accepts(name, body)).toBe(true);
    expect(parse(body)).toEqual(expected);
  });

  it("accepts bodies that the parser accepts, but for combinations", () => {
    fc.assert(
      fc.property(validObject(schema), (some) => {
        const body = { ...minimal[name], ...some };
        expect(accepts(name, body)).toBe(true);
        expectAccepted(refusal(name, body));
      }),
      { numRuns: 300 },
    );
  });

  it.each(["nothing", "retry.nothing", "type.nothing"])("refuses %s, which is no field", (field) => {
    expectRefused(name, withField(minimal[name], field, 1));
  });
});

function expectRefused(name: VerbName, body: Body): void {
  expect([body, accepts(name, body)]).toEqual([body, false]);
}

function isAcrossFields(complaint: string): boolean {
  return acrossFields.some((known) => known.test(complaint));
}

function expectAccepted(complaint: string | undefined): void {
  if (complaint !== undefined && !isAcrossFields(complaint)) expect(complaint).toBeUndefined();
}

/** Options that verbs share are tried once. */
const distinctFields = [
  ...new Map(
    names.flatMap((name) =>
      fieldsOf(name).map(
        ([field, schema]) => [field + JSON.stringify(schema), [field, name, schema] as const] as const,
      ),
    ),
  ).values(),
].filter(([field]) => !/(^|\.)type$/.test(field));

describe("the schema of the field", () => {
  it.each(distinctFields)("%s of a %s accepts only what the parser accepts", (field, name, schema) => {
    fc.assert(
      fc.property(valid(schema), (value) => {
        const body = withField(minimal[name], field, value);
        expect(accepts(name, body)).toBe(true);
        expectAccepted(refusal(name, body));
      }),
      { numRuns: 30 },
    );
  });

  it.each(distinctFields)("%s of a %s refuses what the parser refuses", (field, name, schema) => {
    fc.assert(
      fc.property(fc.oneof(anyValue, nearly(schema)), (value) => {
        const body = withField(minimal[name], field, value);
        const complaint = refusal(name, body);
        if (complaint !== undefined && !isAcrossFields(complaint)) expectRefused(name, body);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a body", () => {
  it("of Icarus is accepted", () => {
    const proxySettings = { useProxy: true, proxyHost: "p", proxyPort: 1 };
    const retry = { enabled: true, interval: 3, strategy: "linear", maxAttempts: 2 };
    const transfer = { duration: "1h", bandwidth: "10MB/s", concurrentConnections: 3, timeout: 2 };
    const common = { storageLocation: location, snapshotTag: "t", globalRequest: true, dc: "dc1,dc2", insecure: true };
    const backup = { type: "backup", entities: "ks1,ks2", dataDirs: ["/a"], objectTags: { a: "b" }, bandwidth: 1024 };
    expect(accepts("backup", { ...common, proxySettings, retry, ...transfer, ...backup })).toBe(true);
    const restore = {
      restorationStrategyType: "IMPORT",
      restorationPhase: "download",
      import: { type: "import", sourceDir: "/x", keepLevel: true },
      rename: { "ks.a": "ks.b" },
      singlePhase: true,
    };
    expect(accepts("restore", { type: "restore", ...common, entities: "ks.a", ...restore })).toBe(true);
  });

  it.each<[VerbName, Body]>([
    ["backup", {}],
    ["backup", { type: "restore" }],
    ["backup", { storageLocation: "s3://b/c" }],
    ["backup", { storageLocation: "s3://.." }],
    ["backup", { storageLocation: "file://a/b" }],
    ["backup", { concurrentConnections: 0 }],
    ["backup", { concurrentConnections: 1001 }],
    ["backup", { hashAlgorithm: "md5" }],
    ["backup", { timeout: 0 }],
    ["backup", { duration: 5 }],
    ["backup", { duration: "0s" }],
    ["backup", { bandwidth: "fast" }],
    ["backup", { dryRun: 3 }],
    ["backup", { dataDirs: [""] }],
    ["backup", { objectTags: ["a"] }],
    ["backup", { entities: "ks,ks.t" }],
    ["backup", { snapshotTag: "a/b" }],
    ["backup", { retry: { intervall: 1 } }],
    ["backup", { storageLocatoin: location }],
    ["restore", { rename: { "ks.a": "b" } }],
    ["restore", { schemaVersion: "x" }],
    ["list", { fromTimestamp: "2026-11-23T01:46:08" }],
    ["list", { lastN: -1 }],
  ])("of a %s is refused by schema and parser: %j", (name, fields) => {
    const body = Object.keys(fields).length === 0 ? {} : { ...minimal[name], ...fields };
    expect(accepts(name, body)).toBe(false);
    if (fields["type"] === undefined) expect(refusal(name, body)).toMatch(/field|missing|object tag/);
  });
});
