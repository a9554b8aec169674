/**
 * Files to objects and back. Every byte is read once: its hash is taken on the way. A transfer holds a few hundred KiB
 * whatever its size. Nothing is visible under its final name, here or there, before it is whole, verified and on disk.
 */

export { replaceFile, syncDirectory } from "../files/files.ts";
export { bytesSource, readText } from "./bytes.ts";
export { type Download, type DownloadOptions, download, partSuffix } from "./download.ts";
export { type Decrypt, type EncryptedSource, type Encryptor, keyTagIn } from "./encryptor.ts";
export { fileSource } from "./file-source.ts";
export { hashFile, hashStream } from "./hash.ts";
export { HashThreads } from "./hash-threads.ts";
export type { HashAlgorithm } from "./hasher.ts";
export { ReadAhead } from "./read-ahead.ts";
export { type Upload, type UploadOptions, upload } from "./upload.ts";
