import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { connectJmx } from "../../../src/jmx/connect.ts";
import { isConnectionRefused, type JmxConnection, type JmxOptions } from "../../../src/jmx/jmx.ts";
import { freePort } from "../../harness/jmx-agent.ts";
import { patient } from "../../harness/patience.ts";
import { listen, portBytes, startRudeServer } from "../../harness/rude-jmx-server.ts";

function connect(port: number, options: Partial<JmxOptions> = {}): Promise<JmxConnection> {
  return connectJmx({ target: { host: "127.0.0.1", port, name: "jmxrmi" }, ...options });
}

describe("what is no jmx server", () => {
  it("may be nothing at all", async () => {
    const error = await connect(await freePort()).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "unreachable", hint: expect.stringContaining("--jmx-service") });
    expect(isConnectionRefused(error)).toBe(true);
    const byName = connectJmx({ target: { host: "localhost", port: await freePort(), name: "jmxrmi" } });
    expect(isConnectionRefused(await byName.catch((error: unknown) => error))).toBe(true);
  });

  it("may be a registry whose other port is closed", async () => {
    const closed = await freePort();
    await using server = await startRudeServer({
      answer: (method, usual, socket) => {
        const at = usual.indexOf(portBytes(socket.localPort ?? 0));
        return method === "lookup"
          ? Buffer.concat([usual.subarray(0, at), portBytes(closed), usual.subarray(at + 4)])
          : usual;
      },
    });
    const error = await connect(server.port).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "unreachable", message: expect.stringContaining(String(closed)) });
    expect(isConnectionRefused(error)).toBe(false);
  });

  it("may be a host without a name", async () => {
    await expect(
      connectJmx({ target: { host: "no-such-host.invalid", port: 7199, name: "jmxrmi" } }),
    ).rejects.toMatchObject({ code: "unreachable", message: expect.stringContaining("no-such-host.invalid") });
  });

  it("may speak http", async () => {
    await using server = await listen(createHttpServer());
    await expect(connect(server.port, { connectTimeoutMs: patient(2_000) })).rejects.toMatchObject({
      code: "protocol",
    });
  });

  it("may speak tls", async () => {
    const alert = Buffer.from("15030300020250", "hex");
    await using server = await listen(createServer((socket) => socket.end(alert)));
    await expect(connect(server.port)).rejects.toMatchObject({
      code: "protocol",
      message: expect.stringContaining("tls"),
    });
  });

  it("may speak first, like mail servers do", async () => {
    await using server = await listen(createServer((socket) => socket.end("220 mail.example ESMTP\r\n")));
    await expect(connect(server.port)).rejects.toMatchObject({ code: "protocol" });
  });

  it("may not speak tls though it was asked for", async () => {
    await using server = await startRudeServer();
    await expect(connect(server.port, { tls: {}, connectTimeoutMs: 500 })).rejects.toMatchObject({
      code: expect.toSatisfy((code) => ["protocol", "timeout"].includes(code)),
    });
    await using abrupt = await listen(createServer((socket) => socket.once("data", () => socket.resetAndDestroy())));
    await expect(connect(abrupt.port, { tls: {} })).rejects.toMatchObject({ code: "protocol" });
  });
});
