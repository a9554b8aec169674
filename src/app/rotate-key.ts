import { rotateKeys } from "../encryption/encryption.ts";
import { NodeRepository } from "../repository/repository.ts";
import type { RunVerb } from "./reports.ts";

export const runRotateKey: RunVerb<"rotate-key"> = async (request, context, resources) => {
  const { clock, log, randomBytes, signal } = context;
  const storage = await resources.storage(request, { readOnly: false });
  const { keyLocation } = new NodeRepository(storage, request.node, log);
  const { encryptionKey: present, newKey: next, keepOld, newDataKey } = request;
  return rotateKeys(keyLocation, { present, next, keepOld, newDataKey }, { clock, random: randomBytes, signal });
};
