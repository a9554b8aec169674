import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const sources = join(import.meta.dirname, "jmx-agent");

/** A Java installation; `label` names it in test titles. */
export interface Jdk {
  readonly label: string;
  readonly home: string;
}

/** The installations that tests look for. */
export const knownJdks: readonly Jdk[] = [
  { label: "java 17", home: "/usr/lib/jvm/java-17-openjdk-amd64" },
  { label: "java 25", home: "/usr/lib/jvm/temurin-25-jdk-amd64" },
];

/** Those of them that are there and can compile and run the agent. */
export const jdks: readonly Jdk[] = knownJdks.filter(({ home }) => existsSync(join(home, "bin", "javac")));

/** The agent's classes, compiled with the oldest Java found so that every other runs them. */
export async function compileAgent(): Promise<{ readonly classes: string } & AsyncDisposable> {
  const [jdk] = jdks;
  if (jdk === undefined) throw new Error("no JDK was found");
  const classes = await mkdtemp(join(tmpdir(), "jmx-agent-"));
  const files = ["Agent.java", "Values.java", "Keytool.java"].map((name) => join(sources, name));
  await run(join(jdk.home, "bin", "javac"), ["-encoding", "UTF-8", "-d", classes, ...files]);
  return { classes, [Symbol.asyncDispose]: () => rm(classes, { recursive: true, force: true }) };
}

export interface AgentOptions {
  readonly jdk: Jdk;
  readonly classes: string;
  /** System properties beside the port. */
  readonly properties?: Readonly<Record<string, string>>;
  /** The port of the registry; by default a free one. */
  readonly port?: number;
}

export interface JmxAgent extends AsyncDisposable {
  readonly port: number;
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
}

/** Starts a JVM with the stock JMX agent: registry and exported objects on one loopback port, open to all. */
export async function startAgent(options: AgentOptions): Promise<JmxAgent> {
  const port = options.port ?? (await freePort());
  const properties = {
    "com.sun.management.jmxremote.port": String(port),
    "com.sun.management.jmxremote.rmi.port": String(port),
    "com.sun.management.jmxremote.host": "127.0.0.1",
    "com.sun.management.jmxremote.authenticate": "false",
    "com.sun.management.jmxremote.ssl": "false",
    "java.rmi.server.hostname": "127.0.0.1",
    ...options.properties,
  };
  const flags = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const jvmFlags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-Xshare:auto"];
  const java = join(options.jdk.home, "bin", "java");
  const child = spawn(java, [...jvmFlags, ...flags, "-cp", options.classes, "Agent"], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  await ready(child);
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { port, kill, [Symbol.asyncDispose]: kill };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      if (output.includes("ready")) resolve();
    });
    child.stderr?.on("data", (chunk) => {
      output += chunk;
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error(`the agent ended: ${output}`)));
  });
}

/** A loopback port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (typeof address !== "object" || address === null) throw new Error("a server without an address");
  return address.port;
}
