import { createServer } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError, isAppError } from "../../../src/errors.ts";
import { connectJmx } from "../../../src/jmx/connect.ts";
import {
  isAbsentInRemote,
  isConnectionRefused,
  type JmxConnection,
  type JmxOptions,
  jmx,
} from "../../../src/jmx/jmx.ts";
import { patient } from "../../harness/patience.ts";
import { listen, type Manners, portBytes, recordedAnswers, startRudeServer } from "../../harness/rude-jmx-server.ts";

const target = "test:type=Target";

function connect(port: number, options: Partial<JmxOptions> = {}): Promise<JmxConnection> {
  return connectJmx({ target: { host: "127.0.0.1", port, name: "jmxrmi" }, ...options });
}

/** The error of the whole of connecting, one call and closing. */
async function failureOf(manners: Manners, options: Partial<JmxOptions> = {}): Promise<unknown> {
  await using server = await startRudeServer(manners);
  try {
    await using connection = await connect(server.port, options);
    await connection.getAttribute(target, "Large");
    return undefined;
  } catch (error) {
    return error;
  }
}

/** In place of the answer to getAttribute. */
function answering(make: (usual: Buffer) => Buffer | undefined): Manners {
  return { answer: (method, usual) => (method === "getAttribute" ? make(usual) : usual) };
}

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const answerHead = hex("51 aced0005 770f 01 0000000000000000000000000000");
const greeting = 16;

describe("a server with manners", () => {
  it("gets a conversation to its end over one connection", async () => {
    await using server = await startRudeServer();
    await using connection = await connect(server.port);
    expect(await connection.getAttribute(target, "Large")).toBe(9007199254740993n);
    expect(await connection.isRegistered(target)).toBe(true);
    expect(await connection.queryNames("test:*")).toContain(target);
    await connection.close();
    expect(server.connections).toBe(1);
    expect(server.calls.get("close")).toBe(1);
  });
});

describe("a server that hangs up", () => {
  it("is unreachable wherever in the conversation it does", async () => {
    const whole = ["lookup", "newClient", "getAttribute"].map((name) => recordedAnswers.get(name)?.length ?? 0);
    const length = greeting + whole.reduce((sum, part) => sum + part, 0);
    const cuts = Array.from({ length: length - 1 }, (_, cut) => cut);
    const wrong: unknown[] = [];
    const worker = async () => {
      for (let cutAfter = cuts.pop(); cutAfter !== undefined; cutAfter = cuts.pop()) {
        const error = await failureOf(
          { cutAfter },
          { connectTimeoutMs: patient(5_000), callTimeoutMs: patient(5_000) },
        );
        if (!isAppError(error, "unreachable") || isConnectionRefused(error)) wrong.push([cutAfter, error]);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    expect(wrong).toEqual([]);
  });

  it("sees a read once more, after a new login", async () => {
    let first = true;
    const manners = answering((usual) => {
      if (!first) return usual;
      first = false;
      return undefined;
    });
    await using server = await startRudeServer({
      answer: (method, usual, socket) => {
        const answer = manners.answer?.(method, usual, socket);
        if (answer === undefined) socket.destroy();
        return answer;
      },
    });
    await using connection = await connect(server.port);
    expect(await connection.getAttribute(target, "Large")).toBe(9007199254740993n);
    expect(server.calls.get("getAttribute")).toBe(2);
    expect(server.calls.get("newClient")).toBe(2);
  });

  it("does not see an operation again that it may have begun, unless that is harmless", async () => {
    await using server = await startRudeServer({
      answer: (method, usual, socket) => {
        if (method === "invoke") socket.destroy();
        return method === "invoke" ? undefined : usual;
      },
    });
    await using connection = await connect(server.port);
    const once = await connection.invoke(target, "echo", [jmx.int(1)], ["int"]).catch((error: unknown) => error);
    expect(once).toMatchObject({ code: "unreachable", retryable: false });
    expect(server.calls.get("invoke")).toBe(1);
    await expect(connection.invoke(target, "echo", [jmx.int(1)], ["int"], { idempotent: true })).rejects.toMatchObject({
      code: "unreachable",
    });
    expect(server.calls.get("invoke")).toBe(3);
  });

  it("is not noticed between calls", async () => {
    await using server = await startRudeServer();
    await using connection = await connect(server.port);
    await connection.getAttribute(target, "Large");
    server.hangUp();
    // Not idempotent: the closed connection must be noticed before anything is sent over it, or lost as such.
    const outcome = await connection.setAttribute(target, "Text", "x").catch((error: unknown) => error);
    expect(outcome === undefined || isAppError(outcome, "unreachable")).toBe(true);
    await connection.setAttribute(target, "Text", "x");
  });
});

describe("a server that sends garbage", () => {
  it.each<[string, Buffer]>([
    ["another message", hex("52")],
    ["no object stream", hex("51 00000000")],
    ["an answer of unknown kind", hex("51 aced0005 770f 03 0000000000000000000000000000 70")],
    ["an exception that is a string", hex("51 aced0005 770f 02 0000000000000000000000000000 740000")],
    ["a reference to nothing", Buffer.concat([answerHead, hex("71 007e0000")])],
    ["a piece of 2 GiB", Buffer.concat([answerHead, hex("75 7200025b42 0000000000000000 020000 7870 7fffffff")])],
    ["a string of 4 PiB", Buffer.concat([answerHead, hex("7c 0010000000000000")])],
  ])("is not understood when it is %s", async (_, bytes) => {
    expect(await failureOf(answering(() => bytes))).toMatchObject({ code: "protocol" });
  });

  it("always ends in an AppError, or in a value when it made sense by chance", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("lookup", "newClient", "getAttribute"),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        async (victim, edits) => {
          const manners: Manners = {
            answer: (method, usual, socket) => {
              if (method !== victim) return usual;
              const bytes = Buffer.from(usual);
              for (const [at, value] of edits) bytes[at % bytes.length] = value;
              // The port stays: whoever listens on another one shall not be bothered.
              const port = usual.indexOf(portBytes(socket.localPort ?? 0));
              if (port >= 0) usual.copy(bytes, port, port, port + 4);
              return bytes;
            },
          };
          const error = await failureOf(manners, { connectTimeoutMs: 60, callTimeoutMs: 60 });
          if (error !== undefined) expect(error).toBeInstanceOf(AppError);
          expect(isAppError(error, "internal")).toBe(false);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("is not listened to for ever", async () => {
    const endless = (socketWrite: (bytes: Buffer) => boolean, once: (drained: () => void) => void) => {
      const block = Buffer.alloc(1024 * 1024, 0);
      const more = () => {
        while (socketWrite(block)) {}
        once(more);
      };
      more();
    };
    const object = hex("73 720003612e42 0000000000000000 030000 7870 7a 7fffffff");
    const error = await failureOf({
      answer: (method, usual, socket) => {
        if (method !== "getAttribute") return usual;
        socket.write(Buffer.concat([answerHead, object]));
        endless(
          (bytes) => !socket.destroyed && socket.write(bytes),
          (more) => socket.once("drain", more),
        );
        return undefined;
      },
    });
    expect(error).toMatchObject({ code: "protocol" });
  });

  it("loses the connection when it says more than was asked", async () => {
    await using server = await startRudeServer(answering((usual) => Buffer.concat([usual, Buffer.of(0x53)])));
    await using connection = await connect(server.port);
    await connection.getAttribute(target, "Large");
    await connection.getAttribute(target, "Large");
    expect(server.connections).toBe(2);
  });
});

describe("a server that stalls", () => {
  it.each(["lookup", "newClient"])("runs into the bound of connecting at %s", async (victim) => {
    const manners: Manners = { answer: (method, usual) => (method === victim ? usual.subarray(0, 30) : usual) };
    expect(await failureOf(manners, { connectTimeoutMs: 80 })).toMatchObject({ code: "timeout" });
  });

  it("runs into the bound of connecting without a greeting", async () => {
    await using server = await listen(createServer());
    await expect(connect(server.port, { connectTimeoutMs: 80 })).rejects.toMatchObject({ code: "timeout" });
  });

  it.each([0, 1, 20, 60])("runs into the bound of the call after %d bytes", async (bytes) => {
    const manners = answering((usual) => usual.subarray(0, bytes));
    expect(await failureOf(manners, { callTimeoutMs: 80 })).toMatchObject({ code: "timeout" });
  });

  it("can be left at any time", async () => {
    await using server = await startRudeServer(answering(() => undefined));
    await using connection = await connect(server.port);
    const leaving = new AbortController();
    const call = connection.getAttribute(target, "Large", { signal: leaving.signal });
    leaving.abort();
    await expect(call).rejects.toMatchObject({ code: "cancelled" });
    expect(await connection.isRegistered(target)).toBe(true);
    const lastCall = expect(connection.getAttribute(target, "Large")).rejects.toMatchObject({ code: "cancelled" });
    await connection.close();
    await lastCall;
    await expect(connection.isRegistered(target)).rejects.toMatchObject({ code: "cancelled" });
  });

  it("can be left while connecting", async () => {
    await using server = await listen(createServer());
    const leaving = new AbortController();
    const connecting = connect(server.port, { signal: leaving.signal });
    leaving.abort();
    await expect(connecting).rejects.toMatchObject({ code: "cancelled" });
    await expect(connect(server.port, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("a server that ends logins", () => {
  it("gets a new login, and then the call, even one that is not idempotent", async () => {
    let gone = true;
    await using server = await startRudeServer({
      answer: (method, usual) => {
        if (method !== "setAttribute" || !gone) return usual;
        gone = false;
        return noSuchObject;
      },
    });
    await using connection = await connect(server.port);
    await connection.setAttribute(target, "Text", "x");
    expect(server.calls.get("newClient")).toBe(2);
    expect(server.calls.get("setAttribute")).toBe(2);
  });

  it("does not get it again and again", async () => {
    await using server = await startRudeServer(answering(() => noSuchObject));
    await using connection = await connect(server.port);
    await expect(connection.getAttribute(target, "Large")).rejects.toMatchObject({ code: "unreachable" });
    expect(server.calls.get("getAttribute")).toBe(2);
  });

  it("gets one new login for all the calls that need it", async () => {
    let expired = 4;
    await using server = await startRudeServer(answering((usual) => (expired-- > 0 ? noSuchObject : usual)));
    await using connection = await connect(server.port);
    await Promise.all([1, 2, 3, 4].map(() => connection.getAttribute(target, "Large")));
    expect(server.calls.get("newClient")).toBeLessThanOrEqual(3);
    expect(server.calls.get("getAttribute")).toBe(8);
  });
});

describe("many calls at once", () => {
  it("share four connections", async () => {
    await using server = await startRudeServer();
    await using connection = await connect(server.port);
    const values = await Promise.all(Array.from({ length: 50 }, () => connection.getAttribute(target, "Large")));
    expect(new Set(values)).toEqual(new Set([9007199254740993n]));
    expect(server.mostOpen).toBe(4);
  });

  it("wait their turn within their bound, and leave the line when they are cancelled", async () => {
    await using server = await startRudeServer(answering(() => undefined));
    await using connection = await connect(server.port);
    const stuck = Array.from({ length: 4 }, () => connection.getAttribute(target, "Large").catch(() => undefined));
    await expect(connection.isRegistered(target, { timeoutMs: 50 })).rejects.toMatchObject({ code: "timeout" });
    await connection.close();
    await Promise.all(stuck);
  });
});

describe("exceptions", () => {
  it.each(["no such mbean", "no such attribute", "no such operation"])("say that there is %s", async (name) => {
    const error = await failureOf(answering(() => recordedAnswers.get(name)));
    expect(error).toMatchObject({ code: "node-refused" });
    expect(isAbsentInRemote(error)).toBe(true);
  });

  it.each(["malformed name", "not serializable"])(
    "after which the server hangs up cost a connection: %s",
    async (name) => {
      await using server = await startRudeServer(answering(() => recordedAnswers.get(name)));
      await using connection = await connect(server.port);
      await expect(connection.getAttribute(target, "Large")).rejects.toMatchObject({ code: "node-refused" });
      expect(await connection.isRegistered(target)).toBe(true);
      expect(server.connections).toBe(2);
    },
  );

  it("say that the registry knows no such name", async () => {
    const manners: Manners = { answer: (method, usual) => (method === "lookup" ? absent : usual) };
    const absent = recordedAnswers.get("no such name") ?? Buffer.alloc(0);
    expect(await failureOf(manners)).toMatchObject({ code: "protocol", message: expect.stringContaining("jmxrmi") });
    const nothing: Manners = { answer: (method, usual) => (method === "lookup" ? nullAnswer : usual) };
    const nullAnswer = Buffer.concat([answerHead, hex("70")]);
    expect(await failureOf(nothing)).toMatchObject({ code: "protocol", message: expect.stringContaining("jmxrmi") });
  });
});

/** java.rmi.NoSuchObjectException, with the least of what a Throwable must have. */
const noSuchObject = (() => {
  const name = (text: string) => `${text.length.toString(16).padStart(4, "0")}${Buffer.from(text).toString("hex")}`;
  const class_ = (text: string, parent: string) => `72${name(text)} 0000000000000000 02 0000 7078 ${parent}`;
  const throwable = class_("java.lang.Throwable", "70");
  const remote = class_("java.rmi.RemoteException", throwable);
  const body = `73 ${class_("java.rmi.NoSuchObjectException", remote)}`;
  return Buffer.concat([hex("51 aced0005 770f 02 0000000000000000000000000000"), hex(body)]);
})();
