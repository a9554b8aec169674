import type { BackupName } from "./layout.ts";
import type { ManifestEntry } from "./manifest.ts";
import type { StoredManifest } from "./manifest-file.ts";
import type { NodeRepository, StoredBackup } from "./node-repository.ts";

/**
 * The backups that a node had when a run began, each fact asked once: they are listed once, and the manifest that was
 * read last is kept, mostly the newest one.
 */
export class EarlierBackups {
  readonly #repository: NodeRepository;
  #listed: Promise<readonly StoredBackup[]> | undefined;
  #kept: { readonly name: string; readonly stored: StoredManifest } | undefined;

  constructor(repository: NodeRepository) {
    this.#repository = repository;
  }

  /** Newest first. */
  list(signal?: AbortSignal): Promise<readonly StoredBackup[]> {
    this.#listed ??= this.#repository.listBackups(signal);
    return this.#listed;
  }

  /**
   * Throws `not-found` and `corrupt`. A large manifest is given without the entries that `keep` refuses, and is not
   * kept: earlier backups of any size cost a run no memory.
   */
  async read(
    name: BackupName,
    signal?: AbortSignal,
    keep?: (entry: ManifestEntry) => boolean,
  ): Promise<StoredManifest> {
    if (this.#kept?.name === name.text) return this.#kept.stored;
    const stored = await this.#repository.readStoredManifest(name, signal, keep);
    if (stored.text !== undefined) this.#kept = { name: name.text, stored };
    return stored;
  }

  /** A manifest may be large, and a run goes on for hours. */
  forget(): void {
    this.#kept = undefined;
  }
}
