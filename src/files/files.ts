/** Local files: read part by part, replaced atomically, synced. */
export { deviceOf, existingParent, freeBytes, stagingRoot } from "./file-system.ts";
export { isFileName, joinBelow } from "./join-below.ts";
export { chunkBytes, chunkReader, openRegularFile, readHandle, writeFully } from "./read-file.ts";
export { replaceFile } from "./replace-file.ts";
export { SharedDirectorySync, syncDirectory } from "./sync-directory.ts";
