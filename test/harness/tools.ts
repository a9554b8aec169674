/**
 * Programs that tests run and that no machine brings (tool-origins.ts): made from the registries into the cache
 * directory, once, one of a kind at a time, each in the version that is named. What cannot be had is named, and the tests
 * that need it are skipped.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { patient } from "./patience.ts";

/** Where a tool comes from. */
export type ToolOrigin =
  /** A module of Go's proxy with its version: "github.com/x/y@v1"; the program has the name of the tool. */
  | { readonly kind: "go"; readonly module: string; readonly program: string }
  /** A package of npm with its version, in a directory of its own; `program` is one of its bins. */
  | { readonly kind: "npm"; readonly package: string; readonly program: string }
  /** Packages of PyPI with their versions, in an environment of their own; `program` is one of their scripts. */
  | { readonly kind: "pip"; readonly packages: readonly string[]; readonly program: string };

/** Why a tool or a store is not to be had here. */
export interface Unavailable {
  readonly reason: string;
}

const tools = join(homedir(), ".cache", "esop", "tools");
const buildDeadlineMs = patient(20 * 60_000);

interface Recipe {
  /** What there is when the tool is there. */
  readonly path: string;
  /** For sh, with `$path` and `$home`; makes a tool anew whatever an attempt that was cut short has left. */
  readonly script: string;
}

function recipeOf(origin: ToolOrigin): Recipe {
  switch (origin.kind) {
    case "go": {
      const home = join(tools, directoryName(origin.module));
      return { path: join(home, origin.program), script: `GOBIN="${home}" go install ${origin.module}` };
    }
    case "npm": {
      const home = join(tools, directoryName(origin.package));
      const install = `npm install --prefix "${home}.new" --no-audit --no-fund --no-save ${origin.package}`;
      return { path: join(home, "node_modules/.bin", origin.program), script: renamed(home, install) };
    }
    case "pip": {
      const home = join(tools, directoryName(origin.packages.join("+")));
      // An environment knows its own path, so that it must be made in its place; the last package brings the script.
      const install = `rm -rf "${home}" && python3 -m venv "${home}" && "${home}/bin/pip" install -q ${origin.packages.map((name) => `'${name}'`).join(" ")}`;
      return { path: join(home, "bin", origin.program), script: install };
    }
  }
}

function directoryName(name: string): string {
  return name.replace(/[^\w.@+-]+/g, "_");
}

function renamed(home: string, install: string): string {
  return `rm -rf "${home}" "${home}.new" && ${install} && mv "${home}.new" "${home}"`;
}

/** The path of the program; installs it first where it is missing. */
export async function findTool(origin: ToolOrigin): Promise<string | Unavailable> {
  const { path, script } = recipeOf(origin);
  const isThere = async () => (await stat(path).catch(() => undefined)) !== undefined;
  if (await isThere()) return path;
  process.stderr.write(`installing ${origin.program} into ${tools} (once; some minutes where it is built)\n`);
  await mkdir(tools, { recursive: true });
  // Several test files may want it at the same moment; one installs.
  const build = spawn(
    "flock",
    [join(tools, `.lock-${origin.kind}`), "nice", "-n", "10", "sh", "-c", `test -e "${path}" || { ${script}; }`],
    {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: buildDeadlineMs,
    },
  );
  let said = "";
  build.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-300);
  });
  await once(build, "close").catch((error: unknown) => {
    said = String(error);
  });
  return (await isThere()) ? path : { reason: `${origin.program} cannot be installed: ${said.trim()}` };
}
