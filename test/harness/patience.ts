/**
 * Deadlines of tests. They only end what hangs: no test passes or fails by speed. What a machine of two idle cores needs
 * is multiplied by how much slower this one was when the run began, and by a reserve for what comes later.
 */
import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";

const reserve = 3;
const mostPatient = 60;
const variable = "ESOP_TEST_PATIENCE";

/** A deadline for this machine. */
export function patient(ms: number): number {
  return Math.round(ms * patience());
}

/** At least the reserve. Measured once a run: processes that the run starts are told by the environment. */
export function patience(): number {
  const known = Number(process.env[variable]);
  if (known > 0) return known;
  const measured = Math.min(mostPatient, reserve * Math.max(1, slowness()));
  process.env[variable] = String(measured);
  return measured;
}

/** What this takes on two idle cores of a server of 2025. */
const usualMs = 250;

/** How many times slower than usual: processes started, and work done by one core. */
export function slowness(): number {
  const beganMs = performance.now();
  for (let run = 0; run < 3; run += 1) spawnSync(process.execPath, ["-e", "0"]);
  const bytes = Buffer.alloc(16 * 1024 * 1024);
  for (let run = 0; run < 6; run += 1) hash("sha256", bytes);
  return (performance.now() - beganMs) / usualMs;
}
