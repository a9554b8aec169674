import { type BackupRequest, backupVerb } from "./backup.ts";
import { type CheckRequest, checkVerb } from "./check.ts";
import { type ListRequest, listVerb } from "./list.ts";
import { type RemoveRequest, removeVerb } from "./remove-backup.ts";
import { type RestoreRequest, restoreVerb } from "./restore.ts";
import { type RotateKeyRequest, rotateVerb } from "./rotate-key.ts";
import { type ValidateStorageRequest, validateStorageVerb } from "./validate-storage.ts";
import type { Verb } from "./verb.ts";

/** The request of each verb, by the name of its command. */
export interface Requests {
  readonly backup: BackupRequest;
  readonly restore: RestoreRequest;
  readonly list: ListRequest;
  readonly "remove-backup": RemoveRequest;
  readonly check: CheckRequest;
  readonly "validate-storage": ValidateStorageRequest;
  readonly "rotate-key": RotateKeyRequest;
}

export type VerbName = keyof Requests;

export const verbs: { readonly [Name in VerbName]: Verb<Requests[Name]> } = {
  backup: backupVerb,
  restore: restoreVerb,
  list: listVerb,
  "remove-backup": removeVerb,
  check: checkVerb,
  "validate-storage": validateStorageVerb,
  "rotate-key": rotateVerb,
};

export function isVerbName(word: string): word is VerbName {
  return Object.hasOwn(verbs, word);
}
