import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { AppError, systemErrorCode } from "../errors.ts";

/** Where a node listens. Everything is on the loopback interface. */
export interface NodePorts {
  readonly address: string;
  readonly cqlPort: number;
  readonly storagePort: number;
  readonly tlsStoragePort: number;
  /** On 127.0.0.1 whatever the address: Cassandra binds its local JMX port there. */
  readonly jmxPort: number;
}

const defaultCqlPort = 9042;
const defaultStoragePort = 7000;
const defaultTlsStoragePort = 7001;
const attempts = 50;

/** Below the usual range of ephemeral ports, so that no outgoing connection takes the port between two starts. */
const firstPort = 17_000;
const lastPort = 29_999;

/**
 * Free ports for one node: an address of its own in 127.0.0.0/8 with Cassandra's default ports, so that nodes can form
 * a cluster; where the system has only 127.0.0.1, that address with ports of its own. Throws `unsupported` when nothing
 * is free.
 */
export async function chooseNodePorts(address?: string): Promise<NodePorts> {
  const jmxPort = await freePort("127.0.0.1");
  const own = address ?? (await chooseLoopbackAddress());
  if (own === "127.0.0.1") {
    const cqlPort = await freePort(own);
    const storagePort = await freePort(own);
    return { address: own, cqlPort, storagePort, tlsStoragePort: await freePort(own), jmxPort };
  }
  return {
    address: own,
    cqlPort: defaultCqlPort,
    storagePort: defaultStoragePort,
    tlsStoragePort: defaultTlsStoragePort,
    jmxPort,
  };
}

/** An address 127.0.x.y where Cassandra's default ports are free, or 127.0.0.1 where the system has no other. */
export async function chooseLoopbackAddress(): Promise<string> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const address = `127.0.${randomInt(1, 255)}.${randomInt(2, 255)}`;
    const outcomes = [await probe(address, defaultStoragePort), await probe(address, defaultCqlPort)];
    if (outcomes.includes("no such address")) return "127.0.0.1";
    if (outcomes.every((outcome) => outcome === "free")) return address;
  }
  return "127.0.0.1";
}

async function freePort(address: string): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = randomInt(firstPort, lastPort + 1);
    if ((await probe(address, port)) === "free") return port;
  }
  throw new AppError("unsupported", `no free port between ${firstPort} and ${lastPort} on ${address}`);
}

type Probe = "free" | "taken" | "no such address";

function probe(address: string, port: number): Promise<Probe> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => {
      resolve(systemErrorCode(error) === "EADDRNOTAVAIL" ? "no such address" : "taken");
    });
    server.listen({ host: address, port, exclusive: true }, () => {
      server.close(() => resolve("free"));
    });
  });
}
