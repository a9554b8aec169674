import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { acquireLock } from "./lock.ts";

const freshName = () => `esop/test/${randomUUID()}`;
const door = new URL("./lock.ts", import.meta.url).href;

/** Another process that holds the name once it says so. */
async function otherHolder(name: string) {
  const program = `import { acquireLock } from ${JSON.stringify(door)};
    await acquireLock(${JSON.stringify(name)}, "busy");
    console.log("held");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return {
    end: async () => {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

describe.runIf(process.platform === "linux")("an exclusive hold", () => {
  it("is one at a time, and free again at its end", async () => {
    const name = freshName();
    {
      await using _hold = await acquireLock(name, "in use");
      await expect(acquireLock(name, "in use")).rejects.toMatchObject({ code: "busy", message: "in use" });
      await using _other = await acquireLock(freshName(), "in use");
    }
    await using _again = await acquireLock(name, "in use");
  });

  it("has one winner of many who ask at once", async () => {
    const name = freshName();
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(name, "in use")));
    const held = asked.filter((result) => result.status === "fulfilled");
    expect(held).toHaveLength(1);
    for (const { value } of held) await value[Symbol.asyncDispose]();
  });

  it("excludes other processes, and ends with them even when they are killed", async () => {
    const name = freshName();
    const other = await otherHolder(name);
    try {
      await expect(acquireLock(name, "in use")).rejects.toMatchObject({ code: "busy" });
    } finally {
      await other.end();
    }
    await using _hold = await acquireLock(name, "in use");
  });

  it("tells long names apart", async () => {
    const long = freshName() + "x".repeat(300);
    await using _hold = await acquireLock(`${long}1`, "in use");
    await using _other = await acquireLock(`${long}2`, "in use");
    await expect(acquireLock(`${long}1`, "in use")).rejects.toMatchObject({ code: "busy" });
    await using _wide = await acquireLock(`${freshName()}${"ü".repeat(80)}`, "in use");
  });

  it("is not ended, nor kept from ending, by whoever connects to it", async () => {
    const name = freshName();
    const hold = await acquireLock(name, "in use");
    const socket = connect(`\0${name}`);
    await once(socket, "connect");
    await expect(acquireLock(name, "in use")).rejects.toMatchObject({ code: "busy" });
    await hold[Symbol.asyncDispose]();
    socket.destroy();
    await using _hold = await acquireLock(name, "in use");
  });
});
