/** Runs of the tool between one node and a store to which, on the way, anything may happen. */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type EsopRun, esop, type RunningEsop } from "./esop.ts";
import { type FaultyLink, faultyLink } from "./faulty-link.ts";
import type { ObjectStore } from "./object-stores.ts";
import { filesBelow, type Operator } from "./operator.ts";
import { patient } from "./patience.ts";
import { type SeenRequest, type SpoilingProxy, spoilingProxy } from "./spoiling-proxy.ts";
import type { Scale, Trouble } from "./troubles.ts";

/** Nothing that is disturbed a little takes so long. */
const usualBoundMs = patient(60_000);

export interface StoreRun extends EsopRun {
  readonly requests: readonly SeenRequest[];
  readonly scale: Scale;
}

/** One place in the store: a bucket of its own. */
export interface Place {
  readonly protocol: string;
  readonly bucket: string;
}

export class TroubledStore {
  readonly #server: ObjectStore;
  readonly #operator: Operator;
  readonly #proxy: SpoilingProxy;
  readonly #link: FaultyLink;

  private constructor(server: ObjectStore, operator: Operator, proxy: SpoilingProxy, link: FaultyLink) {
    this.#server = server;
    this.#operator = operator;
    this.#proxy = proxy;
    this.#link = link;
  }

  /** The server is versitygw, whose objects are files. */
  static async of(server: ObjectStore, operator: Operator): Promise<TroubledStore> {
    const proxy = await spoilingProxy(server);
    return new TroubledStore(server, operator, proxy, await faultyLink({ port: Number(new URL(proxy.endpoint).port) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]();
    await this.#proxy[Symbol.asyncDispose]();
  }

  backup({ protocol, bucket }: Place, tag: string, entities: string): string[] {
    const location = ["--storage-location", this.#location({ protocol, bucket })];
    const command = this.#operator.backupCommand(tag, ...location, "--entities", entities);
    // A bucket that was not made through the server cannot be made again.
    const isThere = existsSync(join(this.#server.directory, bucket));
    return command.filter((parameter) => !isThere || parameter !== "--create-missing-bucket");
  }

  restore(place: Place, tag: string, entities: string, ...more: readonly string[]): string[] {
    const location = ["--storage-location", this.#location(place)];
    return this.#operator.restoreCommand(tag, ...location, "--entities", entities, ...more);
  }

  #location({ protocol, bucket }: Place): string {
    return `${protocol}://${bucket}/sandbox/dc1/${this.#operator.hostId}`;
  }

  /** Runs a command to its end, which must come in time; then also the server is done with it. */
  async run(command: readonly string[], trouble?: Trouble, boundMs = usualBoundMs): Promise<StoreRun> {
    this.#link.tell(trouble?.weather ?? {});
    this.#proxy.forget();
    const stop = { timer: undefined as NodeJS.Timeout | undefined, hung: false };
    const result = await esop([...command, "--json", ...(trouble?.options ?? [])], {
      environment: this.#environment(),
      onStart: (child) => {
        stop.timer = setTimeout(() => {
          stop.hung = true;
          child.kill("SIGKILL");
        }, boundMs);
        this.#makeTrouble(trouble, child);
      },
    });
    clearTimeout(stop.timer);
    if (stop.hung) throw new Error(`still running after ${boundMs} ms: ${result.stdout}${result.stderr}`);
    const requests = [...this.#proxy.seen];
    const scale = { requests: requests.length, bytes: { ...this.#link.bytes } };
    // What the tool has sent in full, the server may still be storing.
    this.#link.tell({});
    await this.#proxy.settled();
    return { ...result, requests, scale };
  }

  #makeTrouble(trouble: Trouble | undefined, child: RunningEsop): void {
    const { signal } = trouble ?? {};
    this.#proxy.spoil((request) => {
      const number = this.#proxy.seen.length - 1;
      if (number === signal?.atRequest) setTimeout(() => child.kill(signal.name), signal.afterMs);
      return trouble?.spoil(request, number);
    });
  }

  #environment(): Record<string, string> {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = this.#server.credentials;
    const endpoint = { AWS_ENDPOINT: this.#link.endpoint, AWS_ENABLE_PATH_STYLE_ACCESS: "true" };
    return { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...endpoint };
  }

  /** As {@link run}; throws with what was said when it fails. */
  async succeed(command: readonly string[]): Promise<StoreRun> {
    const result = await this.run(command);
    if (result.status === 0) return result;
    throw new Error(`ended with ${result.status}: ${result.stdout}${result.stderr}`);
  }

  /** SHA-256 of the objects of the node's tables, fillers left out, by key relative to the node. */
  async objects(bucket: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const [path, content] of await filesBelow(join(this.#nodeDirectory(bucket), "data"))) {
      if (!path.includes(`/${fillerName}`)) found.set(`data/${path}`, sha256(content));
    }
    return found;
  }

  /** The texts of its manifests by their names. */
  async manifests(bucket: string): Promise<Map<string, string>> {
    const files = await filesBelow(join(this.#nodeDirectory(bucket), "manifests"));
    return new Map([...files].map(([name, content]) => [name, content.toString()]));
  }

  /** How many objects have uploads in parts that were begun and not finished. */
  async unfinishedUploads(bucket: string): Promise<number> {
    const directory = join(this.#server.directory, bucket, ".sgwtmp", "multipart");
    return (await readdir(directory).catch(() => [])).length;
  }

  /** Gives a table so many objects that its listing has several pages. */
  async addFillers(bucket: string, tableDirectory: string): Promise<void> {
    const directory = join(this.#nodeDirectory(bucket), tableDirectory, "0-0");
    await mkdir(directory, { recursive: true });
    for (let number = 0; number < 1100; number += 1) await writeFile(join(directory, `${fillerName}${number}`), "");
  }

  async forget(bucket: string): Promise<void> {
    await rm(join(this.#server.directory, bucket), { recursive: true, force: true });
  }

  #nodeDirectory(bucket: string): string {
    return join(this.#server.directory, bucket, "sandbox", "dc1", this.#operator.hostId);
  }
}

const fillerName = "filler-";

export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
