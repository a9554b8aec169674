import { toggle, type WithDerived } from "../options/option.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

const options = {
  thorough: toggle("thorough", {
    group: "what",
    help: "also write, list and delete 1,001 small objects, more than one page of a listing",
  }),
  ...shared.storageOptions,
};

/** Whether a store does all that is asked of it; no node is. */
export type ValidateStorageRequest = WithDerived<typeof options, shared.DerivedStorage>;

export const validateStorageVerb = defineVerb({
  summary: "test a store and report missing permissions",
  description: [
    "Writes, lists, reads, overwrites, refreshes and deletes a small object and one of 33 MiB, which is uploaded to S3 " +
      "in parts. Their names begin with .esop-check-, below the node if the location names one. No other object is " +
      "touched.",
    "Prints one line per step with its duration. A failed step does not stop the steps that do not depend on it; the " +
      "last line names all permissions that the credentials lack. The exit status is that of the first failed step.",
  ],
  examples: [
    { says: "test a bucket", line: "validate-storage s3://backups" },
    {
      says: "test with credentials that are limited to one node",
      line: "validate-storage s3://backups/prod/dc1/node1",
    },
  ],
  options,
  positional: "storageLocation",
  derive: shared.deriveStorage,
});
