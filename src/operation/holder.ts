import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { systemErrorCode } from "../errors.ts";

/** The process that holds a lock, as it says in the lock file. */
export interface Holder {
  /** Of this acquisition; no two are alike. */
  readonly id: string;
  readonly verb: string;
  readonly pid: number;
  readonly host: string;
  readonly user: string;
  /** ISO 8601. */
  readonly since: string;
  /** Of the running kernel: the same in all containers of a machine, another after each boot. Empty if unknown. */
  readonly bootId: string;
  /** Of the installation: the same after each boot. Empty if unknown. */
  readonly machineId: string;
  /** "pid:[4026531836]". Empty if unknown. */
  readonly pidNamespace: string;
  /** Of the process, in clock ticks since the boot. Empty if unknown. */
  readonly startTime: string;
}

export function thisProcess(verb: string, nowMs: number): Holder {
  return {
    id: randomUUID(),
    verb,
    pid: process.pid,
    host: hostname(),
    user: userName(),
    since: new Date(nowMs).toISOString(),
    bootId: textOf("/proc/sys/kernel/random/boot_id"),
    machineId: textOf("/etc/machine-id"),
    pidNamespace: linkOf("/proc/self/ns/pid"),
    startTime: startTimeOf("self") ?? "",
  };
}

const fields = ["id", "verb", "host", "user", "since", "bootId", "machineId", "pidNamespace", "startTime"] as const;

function isHolder(value: unknown): value is Holder {
  if (typeof value !== "object" || value === null) return false;
  const texts = fields.map((field): unknown => Reflect.get(value, field));
  if (!("pid" in value) || !Number.isSafeInteger(value.pid) || Number(value.pid) <= 0) return false;
  // The text is printed, so that nothing in it may control a terminal; the ID becomes part of a file name.
  return texts.every((text) => typeof text === "string" && /^[^\p{C}]{0,300}$/u.test(text)) && isId(texts[0]);
}

function isId(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f-]{36}$/.test(value);
}

/** Undefined for anything that no process of ours has written. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** "backup, process 12 of user cassandra on host db1, since 2026-01-02T03:04:05.000Z" */
export function describeHolder({ verb, pid, user, host, since }: Holder): string {
  return `${verb}, process ${pid} of user ${user} on host ${host}, since ${since}`;
}

/**
 * Whether the process can be proven to have ended: by a later boot of the same installation, or in the same PID namespace
 * by its PID, which is free or another process's. In every other case nothing is proven.
 */
export function provenDead(holder: Holder, self: Holder): boolean {
  if (isSameMachine(holder, self) && isOther(holder.bootId, self.bootId)) return true;
  if (process.platform === "linux") {
    if (!isSame(holder.bootId, self.bootId) || !isSame(holder.pidNamespace, self.pidNamespace)) return false;
  } else if (holder.host !== self.host) return false;
  if (!isRunning(holder.pid)) return true;
  const startTime = startTimeOf(String(holder.pid));
  return startTime !== undefined && isOther(startTime, holder.startTime);
}

/** Of processes outside containers: the kernel gives the first PID namespace this number. */
const firstPidNamespace = "pid:[4026531836]";

/** Containers of different machines may have one host name and, from their image, one machine ID. */
function isSameMachine(holder: Holder, self: Holder): boolean {
  const outside = [holder, self].every(({ pidNamespace }) => pidNamespace === firstPidNamespace);
  return outside && holder.host === self.host && isSame(holder.machineId, self.machineId);
}

/** Whether both run on one kernel, where a socket in a shared directory connects them. */
export function sharesKernel(holder: Holder, self: Holder): boolean {
  return process.platform === "linux" ? isSame(holder.bootId, self.bootId) : holder.host === self.host;
}

function isSame(one: string, other: string): boolean {
  return one !== "" && one === other;
}

function isOther(one: string, other: string): boolean {
  return one !== "" && other !== "" && one !== other;
}

/** A signal of 0 is answered also where `/proc` hides the processes of others. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== "ESRCH";
  }
}

/** Undefined where it cannot be told. */
function startTimeOf(process: string): string | undefined {
  const stat = textOf(`/proc/${process}/stat`);
  // The second field, the name in parentheses, may hold spaces and parentheses itself.
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.geteuid?.() ?? "unknown");
  }
}
