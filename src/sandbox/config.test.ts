import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { cassandraYaml, type NodeConfig, nodeDirectories } from "./config.ts";

function config(changes: Partial<NodeConfig> = {}): NodeConfig {
  return {
    version: "5.0",
    sstableFormat: "big",
    clusterName: "a 'quoted' name",
    numTokens: 4,
    seeds: ["127.0.1.2", "127.0.1.3"],
    directories: nodeDirectories("/n", 2),
    ports: { address: "127.0.1.2", cqlPort: 9042, storagePort: 7000, tlsStoragePort: 7001, jmxPort: 17000 },
    extra: {},
    ...changes,
  };
}

describe("cassandra.yaml", () => {
  test("names the node's directories, addresses and seeds", () => {
    expect(parse(cassandraYaml(config()))).toMatchObject({
      cluster_name: "a 'quoted' name",
      num_tokens: 4,
      data_file_directories: ["/n/data0/data", "/n/data1/data"],
      commitlog_directory: "/n/commitlog",
      listen_address: "127.0.1.2",
      rpc_address: "127.0.1.2",
      seed_provider: [{ parameters: [{ seeds: "127.0.1.2,127.0.1.3" }] }],
    });
  });

  test("uses the names of 4.0 for 4.0 and those of 4.1 from there on", () => {
    const old = Object.keys(parse(cassandraYaml(config({ version: "4.0" }))));
    const renamed = Object.keys(parse(cassandraYaml(config({ version: "4.1" }))));
    expect(old).toContain("commitlog_segment_size_in_mb");
    expect(old).not.toContain("commitlog_segment_size");
    expect(renamed).toContain("commitlog_segment_size");
    expect(old).toContain("write_request_timeout_in_ms");
    expect(old).not.toContain("native_transport_timeout");
    expect(renamed).toContain("native_transport_timeout");
    expect(renamed).not.toContain("commitlog_segment_size_in_mb");
  });

  test("selects bti only when asked", () => {
    expect(parse(cassandraYaml(config()))).not.toHaveProperty("sstable");
    expect(parse(cassandraYaml(config({ sstableFormat: "bti" })))).toMatchObject({
      storage_compatibility_mode: "NONE",
      uuid_sstable_identifiers_enabled: true,
      sstable: { selected_format: "bti" },
    });
  });

  test("lays extra settings over its own and keeps the comments", () => {
    const text = cassandraYaml(config({ extra: { num_tokens: 1, auto_snapshot: false, sstable: { x: ["y"] } } }));
    expect(parse(text)).toMatchObject({ num_tokens: 1, auto_snapshot: false, sstable: { x: ["y"] } });
    expect(text).toContain("# How many tokens the node owns; chosen at its first start.\nnum_tokens: 1\n");
  });
});
