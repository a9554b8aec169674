import { setFlagsFromString } from "node:v8";

/**
 * Makes the garbage collector run earlier than it would by itself. Reading manifests makes much garbage and keeps little:
 * a listing of 30 backups of 20,000 files peaks at about 150 MiB so, and at 200 to 270 MiB otherwise.
 */
export function preferLittleMemory(): void {
  setFlagsFromString("--optimize-for-size");
}
