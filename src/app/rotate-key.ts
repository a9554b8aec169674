import { rotateKeys } from "../encryption/encryption.ts";
import { acquireLock, repositoryLockName } from "../operation/operation.ts";
import { NodeRepository } from "../repository/repository.ts";
import type { RunVerb } from "./reports.ts";

export const runRotateKey: RunVerb<"rotate-key"> = async (request, context, resources) => {
  const { clock, log, randomBytes, signal } = context;
  const storage = await resources.storage(request, { readOnly: false });
  const { keyLocation } = new NodeRepository(storage, request.node, log);
  const { encryptionKey: present, newKey: next, keepOld, newDataKey } = request;
  // A backup would encrypt with a data key that is replaced meanwhile, or take the former one for the newest.
  const name = await repositoryLockName({ ...request.storageLocation, node: request.node });
  const subject = `the repository of node ${request.node.node}`;
  await using _lock = await acquireLock({ name, subject, verb: "rotate-key", cacheDir: request.cacheDir, clock, log });
  return await rotateKeys(keyLocation, { present, next, keepOld, newDataKey }, { clock, random: randomBytes, signal });
};
