/** The Cassandra lines a sandbox can run, by the name people use for them. */
export type CassandraVersion = "5.0" | "4.1" | "4.0";

/** The full version that is fetched for each line: one pinned set of jars, so that a test means the same next year. */
export const fullVersions: Readonly<Record<CassandraVersion, string>> = {
  "5.0": "5.0.9",
  "4.1": "4.1.10",
  "4.0": "4.0.19",
};

export const cassandraVersions: readonly CassandraVersion[] = ["5.0", "4.1", "4.0"];
