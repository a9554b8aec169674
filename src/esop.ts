#!/usr/bin/env node
/** What is installed. */
import { runProcess } from "./main.ts";

runProcess(async () => (await import("./cli/cli.ts")).commands);
