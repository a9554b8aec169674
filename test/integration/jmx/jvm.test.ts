import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppError, isAppError } from "../../../src/errors.ts";
import { connectJmx } from "../../../src/jmx/connect.ts";
import {
  isAbsentInRemote,
  isConnectionRefused,
  type JmxArgument,
  type JmxConnection,
  type JmxOptions,
  type JmxValue,
  jmx,
  remoteException,
} from "../../../src/jmx/jmx.ts";
import { compileAgent, freePort, type JmxAgent, jdks, knownJdks, startAgent } from "../../harness/jmx-agent.ts";
import { expectedValues } from "../../harness/jmx-values.ts";
import { patient } from "../../harness/patience.ts";

const target = "test:type=Target";
const text = "java.lang.String";
const resources = new AsyncDisposableStack();
let classes = "";

beforeAll(async () => {
  const compiled = resources.use(await compileAgent());
  classes = compiled.classes;
}, patient(60_000));

afterAll(() => resources.disposeAsync());

async function start(options: Omit<Parameters<typeof startAgent>[0], "classes">): Promise<JmxAgent> {
  return resources.use(await startAgent({ classes, ...options }));
}

function connect(port: number, options: Partial<JmxOptions> = {}): Promise<JmxConnection> {
  return connectJmx({ target: { host: "127.0.0.1", port, name: "jmxrmi" }, ...options });
}

/** The error of a promise that must not succeed. */
async function failure(promise: Promise<unknown>): Promise<AppError> {
  const outcome = await promise.catch((error: unknown) => error);
  if (outcome instanceof AppError) return outcome;
  throw new Error("no AppError, but", { cause: outcome });
}

describe.each(knownJdks)("$label, in $home (skipped when it is not there)", (jdk) => {
  describe("an open server", { skip: !jdks.includes(jdk) }, () => {
    let agent: JmxAgent;
    let connection: JmxConnection;
    let idlePort = 0;
    const invoke = (operation: string, args: readonly JmxArgument[], signature: readonly string[]): Promise<JmxValue> =>
      connection.invoke(target, operation, args, signature);

    beforeAll(async () => {
      idlePort = await freePort();
      agent = await start({ jdk, properties: { "test.idle.port": String(idlePort) } });
      connection = await connect(agent.port);
    }, patient(60_000));

    afterAll(() => connection?.close());

    it("gives attributes", async () => {
      expect(await connection.getAttribute(target, "Large")).toBe(9007199254740993n);
      expect(await connection.getAttribute(`${target},name="qu,oted"`, "Text")).toBe("initial");
    });

    it("leaves out attributes that cannot be read", async () => {
      const values = await connection.getAttributes(target, ["Number", "Broken", "WriteOnly", "None", "Flag"]);
      expect(values).toEqual(
        new Map<string, JmxValue>([
          ["Number", 0],
          ["Flag", false],
        ]),
      );
    });

    it.each<[string, JmxArgument, JmxValue]>([
      ["Text", "ü€😀\0", "ü€😀\0"],
      ["Text", null, null],
      ["Text", "x".repeat(70_000), "x".repeat(70_000)],
      ["Number", jmx.int(-7), -7],
      ["Large", jmx.long(-(2n ** 63n)), -(2n ** 63n)],
      ["Flag", jmx.boolean(true), true],
      ["Tags", jmx.stringArray(["a", "ü"]), ["a", "ü"]],
    ])("takes the attribute %s", async (name, value, expected) => {
      const other = `${target},name="qu,oted"`;
      await connection.setAttribute(other, name, value);
      expect(await connection.getAttribute(other, name)).toEqual(expected);
    });

    it.each<[string, string, readonly JmxArgument[], readonly string[], JmxValue]>([
      [
        "a map and a varargs array",
        "snapshot",
        ["tag", jmx.stringMap({ b: "2", a: "1" }), jmx.stringArray(["ks.t1", "ks.t2"])],
        [text, "java.util.Map", "[Ljava.lang.String;"],
        "tag {a=1, b=2} ks.t1,ks.t2",
      ],
      [
        "empty collections",
        "snapshot",
        ["tag", jmx.stringMap([]), jmx.stringArray([])],
        [text, "java.util.Map", "[Ljava.lang.String;"],
        "tag {} ",
      ],
      [
        "a large map",
        "snapshot",
        ["t", jmx.stringMap(Array.from({ length: 100 }, (_, i) => [`${i}`.padStart(3), "v"])), jmx.stringArray([])],
        [text, "java.util.Map", "[Ljava.lang.String;"],
        `t {${Array.from({ length: 100 }, (_, i) => `${`${i}`.padStart(3)}=v`).join(", ")}} `,
      ],
      [
        "a set and six booleans",
        "load",
        [jmx.stringSet(["/b", "/a"]), true, false, true, false, false, true],
        ["java.util.Set", ...Array<string>(6).fill("boolean")],
        "[/a, /b]101001",
      ],
      [
        "a set and seven booleans",
        "load",
        [jmx.stringSet(["/a"]), true, false, true, false, false, true, true],
        ["java.util.Set", ...Array<string>(7).fill("boolean")],
        "[/a]1010011",
      ],
      ["an int", "echo", [jmx.int(5)], ["int"], "int 5"],
      ["a long", "echo", [jmx.long(5n)], ["long"], "long 5"],
      ["a double", "echo", [jmx.double(0.5)], ["double"], "double 0.5"],
      ["a string", "echo", ["s"], [text], "s"],
      ["null", "describe", [null], ["java.lang.Object"], "null"],
      [
        "a list of everything",
        "describe",
        [jmx.list([null, "s", true, jmx.int(1), jmx.int(2), jmx.long(3n), jmx.list([]), jmx.stringSet(["x"])])],
        ["java.lang.Object"],
        "java.util.ArrayList [null, s, true, 1, 2, 3, [], [x]]",
      ],
      ["nothing", "nothing", [], [], null],
    ])("is called with %s", async (_, operation, args, signature, expected) => {
      expect(await invoke(operation, args, signature)).toEqual(expected);
    });

    it("answers with values of every class", async () => {
      const wrong: unknown[] = [];
      for (const [name, expected] of expectedValues) {
        const value = await invoke("value", [name], [text]);
        if (!equals(value, expected)) wrong.push([name, value]);
      }
      expect(wrong).toEqual([]);
    });

    it("answers with objects it alone knows", async () => {
      expect(await invoke("value", ["Custom"], [text])).toMatchObject({ className: "Values$Custom" });
      const cycle = await invoke("value", ["cycle"], [text]);
      expect(Array.isArray(cycle) && cycle[0] === cycle).toBe(true);
      expect(JSON.stringify(await invoke("value", ["nested 200"], [text]))).toBe("[".repeat(201) + "]".repeat(201));
    });

    it.each(["Opaque", "Duration"])("cannot make us read a %s, but does not disturb us", async (name) => {
      const error = await failure(invoke("value", [name], [text]));
      expect(error.code).toBe("unsupported");
      expect(await connection.isRegistered(target)).toBe(true);
    });

    it("answers at length", async () => {
      expect(await invoke("text", [jmx.int(2_000_000)], ["int"])).toBe("é".repeat(2_000_000));
      const numbers = await invoke("numbers", [jmx.int(300_000)], ["int"]);
      expect(Array.isArray(numbers) && numbers.length === 300_000 && numbers[299_999] === 899_997n).toBe(true);
      const strings = await invoke("value", ["100000 strings"], [text]);
      expect(Array.isArray(strings) && strings.at(-1)).toBe("string 99999");
    });

    it("names its mbeans and describes them", async () => {
      expect([...(await connection.queryNames("test:*"))].sort()).toEqual([target, `${target},name="qu,oted"`].sort());
      expect((await connection.queryNames(undefined)).length).toBeGreaterThan(15);
      expect(await connection.queryNames("none:*")).toEqual([]);
      expect(await connection.isRegistered("test:type=None")).toBe(false);
      expect(await connection.isInstanceOf(target, "Agent$TargetMBean")).toBe(true);
      expect(await connection.isInstanceOf(target, "java.lang.Thread")).toBe(false);
      const info = await connection.getMBeanInfo(target);
      expect(info.className).toBe("Agent$Target");
      expect(info.attributes).toContainEqual({
        name: "Tags",
        type: "[Ljava.lang.String;",
        readable: true,
        writable: true,
      });
      expect(info.attributes).toContainEqual({ name: "WriteOnly", type: text, readable: false, writable: true });
      expect(info.operations).toContainEqual({
        name: "snapshot",
        returnType: text,
        signature: [text, "java.util.Map", "[Ljava.lang.String;"],
      });
      expect(info.operations.filter(({ name }) => name === "load")).toHaveLength(2);
    });

    it("describes and gives every attribute of the platform's own mbeans", async () => {
      let read = 0;
      for (const name of await connection.queryNames(undefined)) {
        const { attributes } = await connection.getMBeanInfo(name);
        const names = attributes.filter(({ readable }) => readable).map((attribute) => attribute.name);
        read += (await connection.getAttributes(name, names)).size;
      }
      expect(read).toBeGreaterThan(100);
    });

    it.each([
      ["checked", "inner words", "javax.management.MBeanException"],
      ["runtime", "Keyspace x does not exist", "javax.management.RuntimeMBeanException"],
      ["error", "too deep", "javax.management.RuntimeErrorException"],
      ["silent", "java.lang.NullPointerException", "javax.management.RuntimeMBeanException"],
      ["security", "from the mbean", "javax.management.RuntimeMBeanException"],
    ])("throws a %s exception", async (kind, message, className) => {
      const error = await failure(invoke("fail", [kind], [text]));
      expect(error).toMatchObject({ code: "node-refused", message });
      expect(remoteException(error)?.className).toBe(className);
      expect(isAbsentInRemote(error)).toBe(false);
    });

    it("says what it does not have", async () => {
      expect(isAbsentInRemote(await failure(connection.getAttribute("test:type=None", "X")))).toBe(true);
      expect(isAbsentInRemote(await failure(connection.getAttribute(target, "None")))).toBe(true);
      expect(isAbsentInRemote(await failure(invoke("none", [], [])))).toBe(true);
      expect(isAbsentInRemote(await failure(invoke("echo", ["x"], ["java.lang.Object"])))).toBe(true);
      expect(isAbsentInRemote(await failure(connection.getMBeanInfo("test:type=None")))).toBe(true);
    });

    it("survives what it cannot read or write", async () => {
      expect(await failure(connection.getAttribute("no name", "X"))).toMatchObject({ code: "node-refused" });
      expect(await failure(connection.setAttribute(target, "Number", "text"))).toMatchObject({ code: "node-refused" });
      expect(await failure(invoke("value", ["closeable"], [text]))).toMatchObject({
        code: "node-refused",
        message: expect.stringContaining("cannot be sent"),
      });
      expect(await connection.isRegistered(target)).toBe(true);
    });

    it("is left when a call takes too long or is cancelled", async () => {
      const sleep = (options: object) => connection.invoke(target, "sleep", [jmx.long(5_000n)], ["long"], options);
      expect(await failure(sleep({ timeoutMs: 60 }))).toMatchObject({ code: "timeout" });
      expect(await failure(sleep({ signal: AbortSignal.timeout(60) }))).toMatchObject({ code: "timeout" });
      const leaving = new AbortController();
      const call = failure(sleep({ signal: leaving.signal }));
      leaving.abort();
      expect(await call).toMatchObject({ code: "cancelled" });
      expect(await connection.getAttribute(target, "Number")).toBe(0);
    });

    it("works on four calls at once, while the fifth waits for its turn", async () => {
      const calls = Array.from({ length: 3 }, () => invoke("meet", [jmx.int(4)], ["int"]));
      expect(await connection.isRegistered(target)).toBe(true);
      calls.push(invoke("meet", [jmx.int(4)], ["int"]));
      expect(await connection.isRegistered(target)).toBe(true);
      expect(await Promise.all(calls)).toEqual([null, null, null, null]);
    });

    it("ends idle logins, which calls do not notice", async () => {
      await using impatient = await connect(idlePort);
      expect(await impatient.getAttribute(target, "Number")).toBe(0);
      await expect.poll(() => loginsAt(connection), { timeout: patient(10_000), interval: 100 }).toBe(0);
      const count = await impatient.invoke(target, "count", [jmx.long(0n)], ["long"]);
      expect(count).toBe(await connection.getAttribute(target, "Count"));
    });

    it("keeps logins that are kept alive", async () => {
      await using kept = await connect(idlePort, { keepaliveMs: 150 });
      await using idle = await connect(idlePort);
      expect(await idle.isRegistered(target)).toBe(true);
      expect(await loginsAt(connection)).toBe(2);
      await expect.poll(() => loginsAt(connection), { timeout: patient(10_000), interval: 100 }).toBe(1);
      expect(await kept.isRegistered(target)).toBe(true);
      expect(await loginsAt(connection)).toBe(1);
    });

    it("knows no other name", async () => {
      const other = connectJmx({ target: { host: "127.0.0.1", port: agent.port, name: "other" } });
      expect(await failure(other)).toMatchObject({ code: "protocol", message: expect.stringContaining("other") });
    });

    it("is followed by the host of its stub when asked", async () => {
      const byName = { target: { host: "localhost", port: agent.port, name: "jmxrmi" }, followStubHost: true };
      await using followed = await connectJmx(byName);
      expect(await followed.isRegistered(target)).toBe(true);
    });

    it("does not keep our process alive", async () => {
      const door = join(import.meta.dirname, "..", "..", "..", "src", "jmx", "jmx.ts");
      const script = `import { connectJmx } from ${JSON.stringify(door)};
        const c = await connectJmx({ target: { host: "127.0.0.1", port: ${agent.port}, name: "jmxrmi" } });
        console.log(await c.getAttribute("${target}", "Number"));`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], { timeout: patient(20_000) });
      const status = await new Promise((resolve) => child.once("close", resolve));
      expect(status).toBe(0);
    });

    it(
      "may restart between calls",
      async () => {
        const port = await freePort();
        const first = await start({ jdk, port });
        await using restarted = await connect(port);
        expect(await restarted.getAttribute(target, "Number")).toBe(0);
        await first.kill();
        const error = await failure(restarted.getAttribute(target, "Number"));
        expect(isConnectionRefused(error)).toBe(true);
        await start({ jdk, port });
        await restarted.setAttribute(target, "Number", jmx.int(3));
        expect(await restarted.getAttribute(target, "Number")).toBe(3);
      },
      patient(30_000),
    );
  });
});

/** How many logins the impatient server of the agent has. */
async function loginsAt(connection: JmxConnection): Promise<number> {
  const count = await connection.invoke(target, "logins", [], []);
  return typeof count === "number" ? count : -1;
}

function equals(a: JmxValue, b: JmxValue): boolean {
  try {
    expect(a).toEqual(b);
    return true;
  } catch (error) {
    if (isAppError(error)) throw error;
    return false;
  }
}
