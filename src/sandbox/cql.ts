import type { Client, QueryOptions, types } from "cassandra-driver";
import { AppError } from "../errors.ts";
import { datacenter, requestTimeoutSeconds } from "./config.ts";

const connectTimeoutMs = 120_000;

/** One CQL connection to a sandbox, for filling and looking at tables. */
export interface CqlSession extends AsyncDisposable {
  /** Throws `node-refused` (the server's error), `timeout`, `unreachable`. */
  execute(query: string, parameters?: readonly unknown[], options?: QueryOptions): Promise<types.ResultSet>;
  close(): Promise<void>;
}

export interface CqlEndpoint {
  readonly address: string;
  readonly port: number;
  readonly keyspace?: string;
}

/** Connects to a sandbox's CQL port. Throws `unreachable`. */
export async function connectCql(endpoint: CqlEndpoint): Promise<CqlSession> {
  const driver = await import("cassandra-driver");
  const convert = (error: unknown): AppError => {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof driver.errors.NoHostAvailableError) {
      return new AppError("unreachable", `no CQL answer from ${endpoint.address}:${endpoint.port}: ${message}`, {
        cause: error,
      });
    }
    if (error instanceof driver.errors.OperationTimedOutError) {
      return new AppError("timeout", `no CQL answer from ${endpoint.address}:${endpoint.port} in time`, {
        cause: error,
      });
    }
    return new AppError("node-refused", `Cassandra refused a query: ${message}`, { cause: error });
  };
  const client: Client = new driver.Client({
    contactPoints: [`${endpoint.address}:${endpoint.port}`],
    localDataCenter: datacenter,
    ...(endpoint.keyspace === undefined ? {} : { keyspace: endpoint.keyspace }),
    // Reading the whole schema after every change costs more than the queries of a small test.
    isMetadataSyncEnabled: false,
    socketOptions: { connectTimeout: connectTimeoutMs, readTimeout: requestTimeoutSeconds * 1000 },
  });
  const close = async () => {
    await client.shutdown();
  };
  try {
    await client.connect();
  } catch (error) {
    await close();
    throw convert(error);
  }
  return {
    async execute(query, parameters = [], options = {}) {
      try {
        return await client.execute(query, [...parameters], { prepare: parameters.length > 0, ...options });
      } catch (error) {
        throw convert(error);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
