import { randomBytes } from "node:crypto";
import { openRequestedStorage } from "../../app/app.ts";
import { type RotationReport, rotateKeys } from "../../encryption/encryption.ts";
import { NodeRepository } from "../../repository/repository.ts";
import type { RotateKeyRequest } from "../../request/request.ts";
import type { Command } from "../command.ts";

export const rotateKeyCommand: Command<RotateKeyRequest> = {
  async run(request, context) {
    const { clock, log, output, signal } = context;
    const storage = await openRequestedStorage(request, context, false);
    try {
      const { keyPlace } = new NodeRepository(storage, request.node, log);
      const { encryptionKey: present, newKey: next, keepOld, newDataKey } = request;
      const rotation = { present, next, keepOld, newDataKey };
      const report = await rotateKeys(keyPlace, rotation, { clock, random: randomBytes, signal });
      output.result({ type: "rotate-key", ...report }, () => describe(report, request));
    } finally {
      await storage.close();
    }
  },
};

function describe({ rewrapped, unchanged, begun }: RotationReport, { newKey, keepOld }: RotateKeyRequest): string {
  const opens = keepOld ? "and the present one" : "and the former one no longer";
  const lines =
    newKey === undefined
      ? []
      : [
          ...(rewrapped.length === 0 ? [] : [`${rewrapped.join(", ")}: the new key opens it, ${opens}`]),
          ...(unchanged.length === 0 ? [] : [`${unchanged.join(", ")}: was so already`]),
          "try a restore before you throw the former key away",
        ];
  if (begun !== undefined) lines.push(`${begun} is the new data key: the next backup sends everything again`);
  return lines.join("\n");
}
