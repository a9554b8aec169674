import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { editConfig, parseConfig } from "./config-file.ts";

const sample = `# Cassandra storage config
cluster_name: 'My Cluster'   # the name

data_file_directories:
    - /var/lib/a # first
    - /var/lib/b
initial_token:
# auto_bootstrap: true
num_tokens: 16
seed_provider:
    - class_name: x
      parameters:
          - seeds: "127.0.0.1"
`;

describe("editConfig", () => {
  it("replaces values in place and keeps every other byte", () => {
    const edited = editConfig(sample, "cassandra.yaml", {
      initial_token: "-1,2",
      auto_bootstrap: false,
      num_tokens: 2,
    });
    expect(edited).toBe(
      `${sample.replace("initial_token:\n", 'initial_token: "-1,2"\n').replace("num_tokens: 16", "num_tokens: 2")}auto_bootstrap: false\n`,
    );
    expect(parseDocument(edited).toJS()).toMatchObject({ initial_token: "-1,2", auto_bootstrap: false, num_tokens: 2 });
  });

  it("keeps the comment behind a replaced value, and line ends of either kind", () => {
    const crlf = "auto_bootstrap: true # yes\r\na: 1";
    expect(editConfig(crlf, "f", { auto_bootstrap: false, b: 2 })).toBe(
      "auto_bootstrap: false # yes\r\na: 1\r\nb: 2\r\n",
    );
  });

  it("is the same when applied again", () => {
    const once = editConfig(sample, "f", { initial_token: "5", auto_bootstrap: false });
    expect(editConfig(once, "f", { initial_token: "5", auto_bootstrap: false })).toBe(once);
  });

  it("refuses a file that is not YAML, and a value that is no scalar", () => {
    expect(() => editConfig("a: [", "f", { a: 1 })).toThrow("f is not a valid cassandra.yaml");
    expect(() => editConfig(sample, "f", { seed_provider: 1 })).toThrow(
      "'seed_provider' a value that cannot be replaced",
    );
  });
});

describe("parseConfig", () => {
  it("reads the directories", () => {
    expect(parseConfig(sample, "f")).toMatchObject({
      clusterName: "My Cluster",
      dataDirectories: ["/var/lib/a", "/var/lib/b"],
      commitLogDirectory: undefined,
    });
  });
});
