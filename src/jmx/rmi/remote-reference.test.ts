import { describe, expect, it } from "vitest";
import recorded from "../../../test/fixtures/jmx/recorded.json" with { type: "json" };
import { recordedAnswers } from "../../../test/harness/rude-jmx-server.ts";
import { isAppError } from "../../errors.ts";
import { ByteQueue } from "../serialization/byte-queue.ts";
import type { AnnotationItem, ClassData, RawObject, RawValue } from "../serialization/graph.ts";
import { parseAll } from "../serialization/parse.ts";
import { parseReply } from "./call.ts";
import { parseStub } from "./remote-reference.ts";

const id = Buffer.from("0123456789abcdef0123456789abcdef0123456789ab", "hex");

function object(className: string, parts: readonly Partial<ClassData>[]): RawObject {
  return {
    kind: "object",
    descriptor: {
      kind: "descriptor",
      name: className,
      interfaces: [],
      flags: 2,
      fields: [],
      superclass: null,
      chainLength: 1,
    },
    data: parts.map((part) => ({ className, fields: new Map(), annotation: [], ...part })),
  };
}

function stub(...annotation: AnnotationItem[]): RawObject {
  return object("X_Stub", [{ className: "java.rmi.server.RemoteObject", annotation }]);
}

function utf(text: string): Buffer {
  return Buffer.concat([Buffer.of(0, text.length), Buffer.from(text)]);
}

const port7199 = Buffer.of(0, 0, 0x1c, 0x1f);
const tail = Buffer.concat([id, Buffer.of(0)]);

describe("parseStub", () => {
  it("reads the stub of a real server", () => {
    const input = new ByteQueue();
    input.push(recordedAnswers.get("lookup") ?? Buffer.alloc(0));
    const reply = parseAll(parseReply(input, "lookup()Ljava/rmi/Remote;"));
    const reference = parseStub(reply.kind === "value" ? reply.value : null);
    expect(reference).toMatchObject({ host: "127.0.0.1", port: recorded.port, tls: false });
    expect(reference.objectId).toHaveLength(22);
  });

  it("reads a reference without a socket factory", () => {
    const bytes = Buffer.concat([utf("UnicastRef"), utf("h"), port7199, tail]);
    expect(parseStub(stub(bytes))).toEqual({ host: "h", port: 7199, objectId: id, tls: false });
  });

  it("reads a reference of the newer kind", () => {
    const bytes = Buffer.concat([utf("UnicastRef2"), Buffer.of(0), utf("h"), port7199, tail]);
    expect(parseStub(stub(bytes))).toEqual({ host: "h", port: 7199, objectId: id, tls: false });
  });

  it("reads a reference with the factory for tls", () => {
    const head = Buffer.concat([utf("UnicastRef2"), Buffer.of(1), utf("h"), port7199]);
    const factory = object("javax.rmi.ssl.SslRMIClientSocketFactory", [{}]);
    expect(parseStub(stub(head, factory, tail))).toEqual({ host: "h", port: 7199, objectId: id, tls: true });
  });

  it("takes an unknown factory for plain tcp to the address it names", () => {
    const head = Buffer.concat([utf("UnicastRef2"), Buffer.of(1), utf("h"), port7199]);
    const factory = object("x.Factory", [{ fields: new Map([["localAddress", "10.0.0.9"]]) }]);
    expect(parseStub(stub(head, factory, tail))).toEqual({ host: "10.0.0.9", port: 7199, objectId: id, tls: false });
  });

  it("looks into a dynamic proxy", () => {
    const handler = stub(Buffer.concat([utf("UnicastRef"), utf("h"), port7199, tail]));
    const proxy = object("<proxy>", [{ className: "java.lang.reflect.Proxy", fields: new Map([["h", handler]]) }]);
    expect(parseStub(proxy)).toMatchObject({ host: "h", port: 7199 });
  });

  it.each<[string, RawValue]>([
    ["null", null],
    ["a string", "x"],
    ["an object that is no stub", object("a.B", [{}])],
    ["a stub without a reference", stub()],
    ["a reference that is cut short", stub(Buffer.concat([utf("UnicastRef"), utf("h"), port7199, id.subarray(1)]))],
    ["a reference of unknown kind", stub(Buffer.concat([utf("ActivatableRef"), tail]))],
    ["a port that is none", stub(Buffer.concat([utf("UnicastRef"), utf("h"), Buffer.of(0, 1, 0, 0), tail]))],
  ])("refuses %s", (_, value) => {
    expect(() => parseStub(value)).toThrow(expect.toSatisfy((error) => isAppError(error, "protocol")));
  });
});
