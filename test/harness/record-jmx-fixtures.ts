/**
 * Records what a real server answers, for tests that need no Java: run it with Node where a JDK is, after changing
 * jmx-agent/Values.java or the calls below. Writes test/fixtures/jmx/recorded.json.
 */
import { writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { connectJmx } from "../../src/jmx/connect.ts";
import { type JmxConnection, jmx } from "../../src/jmx/jmx.ts";
import { compileAgent, jdks, startAgent } from "./jmx-agent.ts";
import { expectedValues } from "./jmx-values.ts";

const hashOffset = 1 + 4 + 2 + 22 + 4;
const target = "test:type=Target";

interface Recorder {
  readonly port: number;
  /** The answer that arrived last, and the method hash of its call. */
  take(): { readonly hash: string; readonly answer: string };
  close(): void;
}

/** A proxy that names its own port where the server names its port, and keeps the last answer. */
async function startRecorder(serverPort: number): Promise<Recorder> {
  let hash = "";
  let answer: Buffer[] = [];
  let port = 0;
  const proxy = createServer((client) => {
    const server = connect(serverPort, "127.0.0.1");
    client.on("data", (chunk) => {
      const call = chunk.subarray(Math.max(0, chunk.indexOf(Buffer.from("50aced0005", "hex"))));
      if (call[0] === 0x50 && call.length >= hashOffset + 8) hash = call.readBigInt64BE(hashOffset).toString();
      answer = [];
      server.write(chunk);
    });
    server.on("data", (chunk) => {
      const at = chunk.indexOf(int(serverPort));
      if (at >= 0) int(port).copy(chunk, at);
      answer.push(chunk);
      client.write(chunk);
    });
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    for (const socket of [client, server]) socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, "127.0.0.1", resolve);
  });
  const address = proxy.address();
  if (typeof address !== "object" || address === null) throw new Error("a server without an address");
  port = address.port;
  return { port, take: () => ({ hash, answer: Buffer.concat(answer).toString("hex") }), close: () => proxy.close() };
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const calls: readonly [method: string, make: (connection: JmxConnection) => Promise<unknown>][] = [
  ["getAttribute", (c) => c.getAttribute(target, "Large")],
  ["getAttributes", (c) => c.getAttributes(target, ["Text", "Number"])],
  ["setAttribute", (c) => c.setAttribute(target, "Text", "x")],
  ["queryNames", (c) => c.queryNames("test:*")],
  ["isRegistered", (c) => c.isRegistered(target)],
  ["isInstanceOf", (c) => c.isInstanceOf(target, "java.lang.Object")],
  ["getMBeanInfo", (c) => c.getMBeanInfo(target)],
  ["invoke", (c) => c.invoke(target, "echo", [jmx.int(1)], ["int"])],
  ["close", (c) => c.close()],
];

const failures: readonly [name: string, make: (connection: JmxConnection) => Promise<unknown>][] = [
  ["no such mbean", (c) => c.getAttribute("test:type=None", "X")],
  ["no such attribute", (c) => c.getAttribute(target, "None")],
  ["no such operation", (c) => c.invoke(target, "none", [], [])],
  ["checked exception", (c) => c.invoke(target, "fail", ["checked"], ["java.lang.String"])],
  ["malformed name", (c) => c.getAttribute("none", "X")],
  ["not serializable", (c) => c.invoke(target, "value", ["closeable"], ["java.lang.String"])],
];

const [jdk] = jdks;
if (jdk === undefined) throw new Error("no JDK was found");
await using compiled = await compileAgent();
await using agent = await startAgent({ jdk, classes: compiled.classes });
const recorder = await startRecorder(agent.port);
const answers = new Map<string, string>();
const values = new Map<string, string>();
const hashes: { method: string; hash: string }[] = [];

const open = () => connectJmx({ target: { host: "127.0.0.1", port: recorder.port, name: "jmxrmi" } });
await connectJmx({ target: { host: "127.0.0.1", port: recorder.port, name: "none" } }).catch(() => undefined);
answers.set("no such name", recorder.take().answer);
const lookup = recorder.take().hash;
const connection = await open();
hashes.push({ method: "newClient", hash: recorder.take().hash });
answers.set("newClient", recorder.take().answer);
for (const name of expectedValues.keys()) {
  await connection.invoke(target, "value", [name], ["java.lang.String"]);
  values.set(name, recorder.take().answer);
}
for (const [name, make] of failures) {
  await make(connection).catch(() => undefined);
  answers.set(name, recorder.take().answer);
}
for (const [method, make] of calls) {
  await make(connection);
  hashes.push({ method, hash: recorder.take().hash });
  answers.set(method, recorder.take().answer);
}
recorder.close();

hashes.push({ method: "lookup", hash: lookup });
answers.set("lookup", await recordLookup(agent.port, recorder.port));
const file = join(import.meta.dirname, "..", "fixtures", "jmx", "recorded.json");
const content = {
  port: recorder.port,
  hashes,
  answers: Object.fromEntries(answers),
  values: Object.fromEntries(values),
};
await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`);

/** The lookup's answer is followed by another call on the same connection, so it is asked for by itself. */
async function recordLookup(serverPort: number, namedPort: number): Promise<string> {
  const { encodeCall } = await import("../../src/jmx/rmi/call.ts");
  const { registryObjectId } = await import("../../src/jmx/rmi/remote-reference.ts");
  const method = "lookup(Ljava/lang/String;)Ljava/rmi/Remote;";
  const call = encodeCall({ objectId: registryObjectId, method, args: ["jmxrmi"] });
  const socket = connect(serverPort, "127.0.0.1");
  const read = () => new Promise<Buffer>((resolve) => socket.once("data", resolve));
  socket.write(Buffer.from("4a524d4900024b", "hex"));
  await read();
  socket.write(Buffer.concat([Buffer.alloc(6), call]));
  const answer = await read();
  socket.destroy();
  int(namedPort).copy(answer, answer.indexOf(int(serverPort)));
  return answer.toString("hex");
}
