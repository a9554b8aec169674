import { createHash } from "node:crypto";
import dns from "node:dns";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Certificates, makeCertificates } from "../../test/harness/certificates.ts";
import { forwardProxy } from "../../test/harness/forward-proxy.ts";
import { answering, bodyOf, httpAsker, type Peer, rawServer, sent } from "../../test/harness/raw-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const mebibyte = 1024 * 1024;
const login = { username: "us er", password: "p:w@d" };

let directory: TemporaryDirectory;
let certificates: Certificates;

beforeAll(async () => {
  directory = await temporaryDirectory();
  certificates = await makeCertificates(directory.path, ["localhost"]);
});
afterAll(() => directory[Symbol.asyncDispose]());

const trusting = () => httpAsker({ caFile: certificates.authorityFile });

/** Names of all hosts for a while, as machines that run tests have none of their own. */
function withAddresses(addresses: readonly { readonly address: string; readonly family: number }[]): Disposable {
  const { lookup } = dns;
  const found = (_: string, __: unknown, done: (error: null, all: typeof addresses) => void) => done(null, addresses);
  Object.assign(dns, { lookup: found });
  return { [Symbol.dispose]: () => void Object.assign(dns, { lookup }) };
}

function answer(body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`), body]);
}

/** Bytes that differ for each seed. */
function noise(seed: number, length: number): Buffer {
  const block = createHash("sha512").update(String(seed)).digest();
  return Buffer.alloc(length, block.subarray(0, 61));
}

describe("a connection", () => {
  test("is used for one request after the other, and gathers nothing meanwhile", async () => {
    await using server = await rawServer(async (peer) => {
      for (;;) {
        const head = await peer.head();
        await peer.bytes(Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0));
        peer.write(answer(noise(1, 600_000)));
      }
    });
    using client = await httpAsker();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    for (let round = 0; round < 14; round++) {
      const asked = round % 2 === 0 ? {} : sent(Buffer.alloc(mebibyte), Buffer.alloc(mebibyte));
      expect((await bodyOf(await client.ask(server.url, { ...asked, transient: true }))).length).toBe(600_000);
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
    expect(server.peers).toHaveLength(1);
  });

  test.each([
    ["the server closes it", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"],
    ["the server speaks HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"],
    ["more came than the answer", `${ok}HTTP/1.1 200 OK\r\n`],
  ])("is not used again where %s", async (_, wire) => {
    await using server = await rawServer(answering(wire));
    using client = await httpAsker();
    await bodyOf(await client.ask(server.url));
    await (await server.peer(0)).left();
    expect((await bodyOf(await client.ask(server.url))).toString()).toBe("ok");
    expect(server.peers).toHaveLength(2);
  });

  test.each([
    ["closes", (peer: Peer) => void peer.socket.end()],
    ["resets", (peer: Peer) => void peer.socket.resetAndDestroy()],
    ["speaks on", (peer: Peer) => peer.write(ok)],
  ])("that waits and that the server %s is not used again", async (_, spoil) => {
    await using server = await rawServer(answering(ok));
    using client = await httpAsker();
    await bodyOf(await client.ask(server.url));
    const peer = await server.peer(0);
    spoil(peer);
    // The client has noticed, or the server would still have it.
    await once(peer.socket, "close");
    await new Promise((resolve) => setImmediate(resolve));
    expect((await bodyOf(await client.ask(server.url))).toString()).toBe("ok");
    expect(server.peers).toHaveLength(2);
  });

  test("that waits for long is closed, though others are in use", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      await using server = await rawServer(answering(ok));
      using client = await httpAsker();
      const ask = async () => bodyOf(await client.ask(server.url));
      await Promise.all([ask(), ask()]);
      for (let round = 0; round < 2; round++) {
        vi.advanceTimersByTime(3000);
        await ask();
      }
      await Promise.race(server.peers.map(({ socket }) => socket.closed || once(socket, "close")));
      expect(server.peers.map(({ socket }) => socket.closed).toSorted()).toEqual([false, true]);
    } finally {
      vi.useRealTimers();
    }
  });

  test.each(["http", "https"])(
    "over %s is used again whatever the last answer's last bytes had stopped",
    async (scheme) => {
      // Some of them end in a record that was decrypted together with the one that filled a chunk.
      const bodies = [524_288, 540_000, 545_000, 560_000, 700_000, 1_048_577, 1_080_000].map((length) =>
        noise(length, length),
      );
      await using server = await rawServer(
        async (peer) => {
          for (const body of bodies) {
            await peer.head();
            peer.write(answer(body));
          }
        },
        scheme === "https" ? { certificates } : {},
      );
      using client = await trusting();
      for (const body of bodies) {
        const response = await client.ask(server.url, { transient: true, timeouts: { idleMs: 2000 } });
        // The reader comes after the bytes.
        await new Promise((resolve) => setImmediate(resolve));
        expect((await bodyOf(response)).equals(body)).toBe(true);
      }
      expect(server.peers).toHaveLength(1);
    },
  );
});

describe("the way to a server", () => {
  test("has a bound for handshakes", async () => {
    await using server = await rawServer(() => undefined);
    using client = await httpAsker();
    const url = new URL(server.url.href.replace("http:", "https:"));
    const asked = client.ask(url, { timeouts: { connectMs: 100 } });
    await expect(asked).rejects.toMatchObject({ code: "timeout", message: /accept a connection/ });
    await (await server.peer(0)).left();
  });

  test.each(["an abort", "closing the agents"])("ends by %s during handshakes", async (how) => {
    await using server = await rawServer(() => undefined);
    using client = await httpAsker();
    const stop = new AbortController();
    const asked = client.ask(new URL(server.url.href.replace("http:", "https:")), { signal: stop.signal });
    asked.catch(() => undefined);
    const peer = await server.peer(0);
    if (how === "an abort") stop.abort();
    else client.agents.close();
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
    await peer.left();
    client.agents.close();
    await expect(client.ask(server.url)).rejects.toMatchObject({ code: "cancelled" });
  });

  test("that is aborted in the very moment in which it is found leads nowhere", async () => {
    await using server = await rawServer(answering(ok));
    // Every turn between the connection and the request that goes over it.
    for (let turns = 0; turns < 12; turns++) {
      using client = await httpAsker();
      const stop = new AbortController();
      const open = client.agents.connections.open.bind(client.agents.connections);
      client.agents.connections.open = async (url, signal) => {
        const connection = await open(url, signal);
        const abort = async () => {
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          stop.abort();
        };
        void abort();
        return connection;
      };
      await expect(client.ask(server.url, { signal: stop.signal })).rejects.toMatchObject({ code: "cancelled" });
      await (await server.peer(turns)).left();
    }
  });

  test("is refused where nobody trusts the certificate, or where the name is another's", async () => {
    await using server = await rawServer(answering(ok), { certificates });
    using stranger = await httpAsker();
    await expect(stranger.ask(server.url)).rejects.toMatchObject({
      cause: { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    });
    using client = await trusting();
    using _ = withAddresses([{ address: "127.0.0.1", family: 4 }]);
    const url = new URL(`https://other.example:${server.url.port}`);
    await expect(client.ask(url)).rejects.toMatchObject({ cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" } });
  });

  test("leads to IPv6", async () => {
    await using server = await rawServer(answering(ok), { host: "::1" });
    using client = await httpAsker();
    expect((await bodyOf(await client.ask(server.url))).toString()).toBe("ok");
  });

  test.each(["http", "https"])("over %s goes on to the next address of a name", async (scheme) => {
    await using server = await rawServer(answering(ok), scheme === "https" ? { certificates } : {});
    using client = await trusting();
    const there = { address: "127.0.0.1", family: 4 };
    using _ = withAddresses([{ address: "::1", family: 6 }, there]);
    const url = new URL(`${scheme}://localhost:${server.url.port}`);
    for (let round = 0; round < 2; round++) expect((await bodyOf(await client.ask(url))).toString()).toBe("ok");
    expect(server.peers).toHaveLength(1);
  });

  test("that nobody listens at is told by the system's error", async () => {
    const server = await rawServer(() => undefined);
    await server[Symbol.asyncDispose]();
    using client = await httpAsker();
    await expect(client.ask(server.url)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
  });
});

describe("many at once", () => {
  test.each(["http", "https", "https through a proxy"])(
    "over %s each get their own bytes, small and large",
    async (way) => {
      const lengthOf = (seed: number) => (seed % 4 === 0 ? 2 * mebibyte + seed : 100 + seed * 37);
      await using server = await rawServer(
        async (peer) => {
          for (;;) {
            const seed = Number(/^GET \/(\d+) /.exec(await peer.head())?.[1]);
            peer.write(answer(noise(seed, lengthOf(seed))));
          }
        },
        way === "http" ? {} : { certificates },
      );
      await using proxy = await forwardProxy(login);
      const through = { proxy: { protocol: "HTTP", host: "127.0.0.1", port: proxy.port, ...login } } as const;
      const caFile = certificates.authorityFile;
      using client = await httpAsker(way.endsWith("proxy") ? { caFile, ...through } : { caFile });
      const worker = async (first: number) => {
        for (let seed = first; seed < first + 8; seed++) {
          const response = await client.ask(server.url, { path: `/${seed}`, transient: seed % 3 !== 0 });
          expect((await bodyOf(response)).equals(noise(seed, lengthOf(seed)))).toBe(true);
        }
      };
      await Promise.all(Array.from({ length: 10 }, (_, index) => worker(index * 100)));
      expect(server.peers).toHaveLength(10);
      expect(proxy.asked).toHaveLength(way.endsWith("proxy") ? 10 : 0);
    },
  );
});

describe("a proxy", () => {
  const settings = (port: number, password = login.password) =>
    ({
      caFile: certificates.authorityFile,
      proxy: { protocol: "HTTP", host: "127.0.0.1", port, username: login.username, password },
    }) as const;

  test("with a password gets requests over HTTP whole, and keeps the connection", async () => {
    await using server = await rawServer(answering(ok, 2));
    await using proxy = await forwardProxy(login);
    using client = await httpAsker(settings(proxy.port));
    for (let round = 0; round < 2; round++) {
      const response = await client.ask(server.url, { ...sent("a", "b"), path: "/k?x=y" });
      expect((await bodyOf(response)).toString()).toBe("ok");
    }
    expect(proxy.asked).toEqual(Array(2).fill(`PUT ${server.url.origin}/k?x=y`));
  });

  test.each(["http", "https"])("that refuses the password is told so, over %s", async (scheme) => {
    await using server = await rawServer(answering(ok), scheme === "https" ? { certificates } : {});
    await using proxy = await forwardProxy(login);
    using client = await httpAsker(settings(proxy.port, "wrong"));
    const refusal: unknown = await client.ask(server.url).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ message: /407/ });
    expect(String(refusal)).not.toContain("wrong");
    expect(server.peers).toHaveLength(0);
  });

  test("carries tunnels whose reader is slow, or leaves, and that are used again", async () => {
    const body = noise(1, 5 * mebibyte);
    await using server = await rawServer(
      async (peer) => {
        for (;;) {
          await peer.head();
          peer.write(answer(body));
        }
      },
      { certificates },
    );
    await using proxy = await forwardProxy(login);
    using client = await httpAsker(settings(proxy.port));
    for (let round = 0; round < 3; round++) {
      const chunks: Buffer[] = [];
      for await (const chunk of (await client.ask(server.url, { transient: true })).stream) {
        chunks.push(Buffer.from(chunk));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(Buffer.concat(chunks).equals(body)).toBe(true);
    }
    expect(server.peers).toHaveLength(1);
    for await (const _ of (await client.ask(server.url)).stream) break;
    await (await server.peer(0)).left();
    expect((await bodyOf(await client.ask(server.url))).equals(body)).toBe(true);
    expect(server.peers).toHaveLength(2);
  });

  test.each([
    ["to the proxy", false],
    ["within the tunnel", true],
  ])("ends by an abort during handshakes %s", async (_, accepts) => {
    await using proxy = await rawServer(async (peer) => {
      await peer.head();
      if (accepts) peer.write("HTTP/1.1 200 OK\r\n\r\n");
      await peer.bytes(1);
    });
    using client = await httpAsker(settings(Number(proxy.url.port)));
    const stop = new AbortController();
    const asked = client.ask(new URL("https://127.0.0.1:1"), { signal: stop.signal });
    asked.catch(() => undefined);
    const peer = await proxy.peer(0);
    if (accepts) await peer.served;
    stop.abort();
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
    await peer.left();
  });

  test("that is cut off within a tunnel ends what goes through it", async () => {
    await using server = await rawServer(answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no"), { certificates });
    await using proxy = await rawServer(async (peer) => {
      await peer.head();
      const target = connect(Number(server.url.port), "127.0.0.1");
      peer.write("HTTP/1.1 200 OK\r\n\r\n");
      peer.socket.removeAllListeners("readable");
      peer.socket.pipe(target).pipe(peer.socket);
      target.on("error", () => undefined);
    });
    using client = await httpAsker(settings(Number(proxy.url.port)));
    const response = await client.ask(server.url);
    (await proxy.peer(0)).socket.resetAndDestroy();
    await expect(bodyOf(response)).rejects.toMatchObject({ code: "unreachable" });
  });
});
