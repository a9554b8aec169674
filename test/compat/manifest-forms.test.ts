/** What Esop (Java) makes of manifests as ours are written; needs no node. */
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type BackupName, type Manifest, NodeRepository } from "../../src/repository/repository.ts";
import { FileStorage } from "../../src/storage/file.ts";
