/** The shell blocks of a document, and how to carry them out as its reader would, on a test node. */
import { spawn } from "node:child_process";
import { readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { CassandraNode } from "./cassandra.ts";

const root = join(import.meta.dirname, "../..");

export interface Section {
  readonly heading: string;
  /** Its `sh` blocks, in order; without the indentation of the list they stand in. */
  readonly blocks: readonly string[];
}

export function readDocument(name: string): Promise<string> {
  return readFile(join(root, name), "utf8");
}

/** The sections that have shell blocks. */
export function sectionsOf(document: string): Section[] {
  const parts = document.split(/^#+ (?=.*$)/m).slice(1);
  const sections = parts.map((part) => ({
    heading: part.slice(0, part.indexOf("\n")),
    blocks: [...part.matchAll(/^( *)```sh\n(.*?)^ *```$/gms)].map(([, indent = "", text = ""]) =>
      text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    ),
  }));
  return sections.filter(({ blocks }) => blocks.length > 0);
}

export interface ReaderOptions {
  /** Where commands run and leave files; empty. */
  readonly directory: string;
  /** The bucket in place of the document's. */
  readonly bucket: string;
  /** What stands for CLUSTER/DC/HOST_ID. */
  readonly place: string;
}

/** Does what a document says. Esop and the shell are real; `systemctl` and `cqlsh` act on the test node. */
export class Reader {
  /** The node on which the commands are given. */
  node: CassandraNode;
  readonly #options: ReaderOptions;

  private constructor(node: CassandraNode, options: ReaderOptions) {
    this.node = node;
    this.#options = options;
  }

  static async create(node: CassandraNode, options: ReaderOptions): Promise<Reader> {
    await symlink(join(root, "esop"), join(options.directory, "esop"));
    return new Reader(node, options);
  }

  /** Gives what the commands printed; throws with it when one fails. */
  async follow(block: string): Promise<string> {
    const { bucket, place } = this.#options;
    const text = block
      .replaceAll("/mnt/backups", bucket)
      .replaceAll("CLUSTER/DC/HOST_ID", place)
      .replaceAll("/etc/cassandra", this.node.sandbox.configDirectory);
    let [script, printed] = ["", ""];
    for (const line of text.split("\n")) {
      if (!/^(systemctl|cqlsh) /.test(line)) {
        script += `${line}\n`;
        continue;
      }
      printed += await this.#shell(script);
      script = "";
      await this.#act(line);
    }
    return printed + (await this.#shell(script));
  }

  async #act(line: string): Promise<void> {
    const [, statement] = /^cqlsh -e "(.*)"$/.exec(line) ?? [];
    const [, file] = /^cqlsh -f (\S+)$/.exec(line) ?? [];
    if (line === "systemctl stop cassandra") await this.node.stop();
    else if (line === "systemctl start cassandra") await this.node.start();
    else if (statement !== undefined) await this.node.cql.execute(statement);
    else if (file !== undefined) await this.#source(await readFile(join(this.#options.directory, file), "utf8"));
    else throw new Error(`the test does not know how to carry out: ${line}`);
  }

  async #source(text: string): Promise<void> {
    for (const statement of cqlStatements(text)) await this.node.cql.execute(statement);
  }

  async #shell(script: string): Promise<string> {
    if (script.trim() === "") return "";
    const { directory } = this.#options;
    const environment = {
      ...process.env,
      ESOP_JMX_SERVICE: `127.0.0.1:${this.node.sandbox.jmxPort}`,
      ESOP_CACHE_DIR: join(directory, "records"),
    };
    const child = spawn("sh", ["-e", "-c", script], {
      cwd: directory,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [printed, all] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      all += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      all += text;
    });
    const status = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (status !== 0) throw new Error(`ended with ${status}:\n${script}\n${all}`);
    return printed;
  }
}

/** As cqlsh splits its input: at semicolons that end a line, without comments. */
export function cqlStatements(text: string): string[] {
  const withoutComments = text.replaceAll(/^--.*$/gm, "");
  return withoutComments.split(/;\s*$/m).filter((statement) => statement.trim() !== "");
}
