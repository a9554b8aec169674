import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { chooseLoopbackAddress, chooseNodePorts } from "./network.ts";

test("a chosen place is on the loopback interface and can be listened on", async () => {
  const ports = await chooseNodePorts();
  expect(ports.address).toMatch(/^127\./);
  const places = [
    { host: ports.address, port: ports.cqlPort },
    { host: ports.address, port: ports.storagePort },
    { host: "127.0.0.1", port: ports.jmxPort },
  ];
  const servers = await Promise.all(
    places.map(async (place) => {
      const server = createServer().listen(place);
      await once(server, "listening");
      return server;
    }),
  );
  for (const server of servers) server.close();
  expect(servers).toHaveLength(3);
});

test("on 127.0.0.1 every port is the node's own, since others may use the default ones", async () => {
  const ports = await chooseNodePorts("127.0.0.1");
  const numbers = [ports.cqlPort, ports.storagePort, ports.tlsStoragePort, ports.jmxPort];
  expect(new Set(numbers).size).toBe(4);
  for (const port of numbers) expect(port).toBeGreaterThanOrEqual(17_000);
});

test("two nodes get addresses of their own", async () => {
  const [first, second] = [await chooseLoopbackAddress(), await chooseLoopbackAddress()];
  if (first !== "127.0.0.1") expect(first).not.toBe(second);
});
