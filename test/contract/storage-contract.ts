import { describe } from "vitest";
import { describeFailedPuts, describeIfAbsent, describePutAndGet, describeRanges } from "./storage-contract-content.ts";
import {
  describeAbort,
  describeBucket,
  describeDeletion,
  describeKeys,
  describeListing,
  describeRefresh,
} from "./storage-contract-names.ts";
import type { MakeStorage } from "./storage-fixture.ts";

export type { MakeStorage, StorageFixture } from "./storage-fixture.ts";

/** One suite for every driver, and for every wrapper around one: the guarantees of storage.ts, each with its proof. */
export function describeStorageContract(name: string, make: MakeStorage): void {
  describe(`storage contract: ${name}`, () => {
    describePutAndGet(make);
    describeFailedPuts(make);
    describeIfAbsent(make);
    describeRanges(make);
    describeListing(make);
    describeDeletion(make);
    describeRefresh(make);
    describeKeys(make);
    describeBucket(make);
    describeAbort(make);
  });
}
