import { describe, expect, it } from "vitest";
import { isAppError } from "./errors.ts";
import { parseDuration, parseRate } from "./units.ts";

const usage = (hint: RegExp) =>
  expect.toSatisfy((error) => isAppError(error, "usage") && hint.test(error.hint ?? "no hint"));

describe("a data rate", () => {
  it.each([
    ["10MB/s", 10 * 1024 ** 2],
    ["10MiB/s", 10 * 1024 ** 2],
    ["10 MBps", 10 * 1024 ** 2],
    ["1.5GB/sec", 1.5 * 1024 ** 3],
    ["512k", 512 * 1024],
    ["512K/s", 512 * 1024],
    ["800B/s", 800],
  ])("of %s is in bytes, in powers of 1024", (text, bytes) => {
    expect(parseRate(text)).toBe(bytes);
  });

  it.each([
    ["50mbps", 6_250_000],
    ["50Mbps", 6_250_000],
    ["50Mbit/s", 6_250_000],
    ["50 mbit", 6_250_000],
    ["1Gbits/second", 125_000_000],
    ["64kbit/s", 8000],
    ["8Mibit/s", 1024 ** 2],
  ])("of %s is in bits, in powers of 1000", (text, bytes) => {
    expect(parseRate(text)).toBe(bytes);
  });

  it.each(["50", " 50 ", "0.5", "50/s"])("of '%s' has no unit and is refused", (text) => {
    expect(() => parseRate(text)).toThrow("has no unit");
    expect(() => parseRate(text)).toThrow(usage(/50MB\/s.*Mbit\/s/));
  });

  it.each(["50Mb/s", "50mb", "5Mib/s", "9kb"])("of '%s' may be bits or bytes and is refused", (text) => {
    expect(() => parseRate(text)).toThrow(/bits or bytes/);
    expect(() => parseRate(text)).toThrow(usage(/MB\/s.*Mbit\/s/));
  });

  it.each(["0", "0MB/s", "fast", "-1MB/s", "10MB/h", "1 bit/s", `${"9".repeat(30)}MB`])("is not '%s'", (text) => {
    expect(() => parseRate(text)).toThrow(usage(/MB\/s/));
  });
});

describe("a duration", () => {
  it.each([
    ["2w", 14 * 86_400_000],
    ["1 week", 7 * 86_400_000],
    ["3weeks", 21 * 86_400_000],
    ["14d", 14 * 86_400_000],
    ["5min", 300_000],
    ["5m", 300_000],
    ["7ms", 7],
  ])("of %s is %d ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    ["14", "has no unit"],
    ["1y", "is not a duration"],
    ["1mo", "is not a duration"],
    ["1h30m", "is not a duration"],
    ["1.5h", "is not a duration"],
  ])("is not %s", (text, complaint) => {
    expect(() => parseDuration(text)).toThrow(complaint);
    expect(() => parseDuration(text)).toThrow(usage(/14d, 2w, 36hours, 5min/));
  });
});
