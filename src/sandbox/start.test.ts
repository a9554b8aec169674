import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { patient } from "../../test/harness/patience.ts";
import { prepareCassandra } from "./jars.ts";
import { createSandbox, type SandboxOptions } from "./start.ts";

const java17 = `if [ "$1" = -version ]; then echo 'openjdk version "17.0.9"' >&2; exit 0; fi`;

let directory: string;
let programs: string;
let cache: string;
let environment: NodeJS.ProcessEnv;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sandbox-"));
  programs = join(directory, "bin");
  cache = join(directory, "cache");
  await mkdir(programs);
  environment = { PATH: [programs, "/usr/bin", "/bin"].join(delimiter) };
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Puts a shell script in front of the PATH. */
async function program(name: string, script: string): Promise<void> {
  const path = join(programs, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

describe("prepareCassandra", () => {
  test("names what is missing and how to get it", async () => {
    environment = { PATH: programs };
    await expect(prepareCassandra("5.0", cache, { environment })).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringContaining("openjdk-17-jre-headless"),
    });
    await program("java", java17);
    await expect(prepareCassandra("5.0", cache, { environment })).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringContaining("apt-get install maven"),
    });
  });

  test("refuses a Java that cannot run Cassandra", async () => {
    await program("java", `echo 'java version "1.8.0_402"' >&2`);
    await expect(prepareCassandra("5.0", cache, { environment })).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("17 to 23"),
    });
  });

  test("takes JAVA_HOME before the PATH, unless it is too old", async () => {
    await seedCache();
    await program("java", java17);
    const home = join(directory, "home");
    await mkdir(join(home, "bin"), { recursive: true });
    const java = join(home, "bin", "java");
    await writeFile(java, `#!/bin/sh\n${java17}\n`, { mode: 0o755 });
    const options = { environment: { ...environment, JAVA_HOME: home } };
    expect((await prepareCassandra("5.0", cache, options)).java).toBe(java);
    await writeFile(java, `#!/bin/sh\necho 'java version "11.0.1"' >&2\n`);
    expect((await prepareCassandra("5.0", cache, options)).java).toBe(join(programs, "java"));
  });

  test("fetches once", async () => {
    await program("java", java17);
    await program("mvn", fetchingMaven);
    const first = await prepareCassandra("5.0", cache, { environment });
    expect(first.jars).toEqual([join(cache, "cassandra", "5.0.9", "lib", "cassandra-all.jar")]);
    expect(await readFile(first.jars[0] ?? "", "utf8")).toContain("<version>5.0.9</version>");
    await program("mvn", "exit 1");
    expect(await prepareCassandra("5.0", cache, { environment })).toEqual(first);
  });

  test("two at the same time both succeed and leave one copy", async () => {
    await program("java", java17);
    await program("mvn", fetchingMaven);
    const both = [prepareCassandra("4.1", cache, { environment }), prepareCassandra("4.1", cache, { environment })];
    const [first, second] = await Promise.all(both);
    expect(first).toEqual(second);
    expect(await readdir(join(cache, "cassandra"))).toEqual(["4.1.10"]);
  });

  test("a failed fetch says what Maven said and leaves nothing behind", async () => {
    await program("java", java17);
    await program("mvn", `${fetchingMaven}\necho 'no route to repository'; exit 1`);
    await expect(prepareCassandra("5.0", cache, { environment })).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining("no route to repository"),
    });
    expect(await readdir(join(cache, "cassandra"))).toEqual([]);
  });
});

describe("a node that does not come up", () => {
  test("is reported with its own last errors, not those of an earlier start", async () => {
    await seedCache();
    await program("java", `${java17}\n${logLine('ERROR [main] disk is "wet"')}\nexit 3`);
    const node = await createSandbox(options());
    await writeFile(join(node.logDirectory, "system.log"), "ERROR [main] an old one\n");
    const failure = await node.start().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "node-state",
      message: 'Cassandra exited with status 3 while starting: ERROR [main] disk is "wet"',
    });
    expect(node.pid).toBeUndefined();
  });

  test("is ended when its start is cancelled", async () => {
    await seedCache();
    const started = join(directory, "started");
    await program("java", `${java17}\necho $$ > ${started}.tmp && mv ${started}.tmp ${started}\nexec sleep 600`);
    const node = await createSandbox(options());
    const cancel = new AbortController();
    const start = node.start({ signal: cancel.signal });
    const outcome = expect(start).rejects.toMatchObject({ code: "cancelled" });
    await expect.poll(() => existsSync(started), { timeout: patient(5_000) }).toBe(true);
    cancel.abort();
    await outcome;
    const pid = Number(await readFile(started, "utf8"));
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });
});

test("bti is refused for versions that have none", async () => {
  await expect(createSandbox({ ...options(), version: "4.1", sstableFormat: "bti" })).rejects.toMatchObject({
    code: "usage",
  });
});

/** Stands for Maven: copies the project file to where the jars should go. */
const fetchingMaven = `for argument; do
  case $argument in
    -DoutputDirectory=*) out=\${argument#-DoutputDirectory=} ;;
    */pom.xml) pom=$argument ;;
  esac
done
mkdir -p "$out" && cp "$pom" "$out/cassandra-all.jar"`;

/** A line for the system.log of the directory that a Cassandra is told. */
function logLine(line: string): string {
  return `for argument; do
  case $argument in -Dcassandra.logdir=*) logs=\${argument#-Dcassandra.logdir=} ;; esac
done
echo '${line}' >> "$logs/system.log"`;
}

async function seedCache(): Promise<void> {
  const lib = join(cache, "cassandra", "5.0.9", "lib");
  await mkdir(lib, { recursive: true });
  await writeFile(join(lib, "cassandra-all-5.0.9.jar"), "");
}

function options(): SandboxOptions {
  return { version: "5.0", directory: join(directory, "node"), cacheDirectory: cache, environment };
}
