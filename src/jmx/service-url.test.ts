import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAppError } from "../errors.ts";
import { formatAddress, parseServiceUrl } from "./service-url.ts";

describe("parseServiceUrl", () => {
  it.each([
    ["", "127.0.0.1", 7199, "jmxrmi"],
    ["node1", "node1", 7199, "jmxrmi"],
    ["node1:7200", "node1", 7200, "jmxrmi"],
    [" 10.0.0.1:7200 ", "10.0.0.1", 7200, "jmxrmi"],
    [":7200", "127.0.0.1", 7200, "jmxrmi"],
    ["[::1]", "::1", 7199, "jmxrmi"],
    ["[::1]:7200", "::1", 7200, "jmxrmi"],
    ["[fe80::1%eth0]:7200", "fe80::1%eth0", 7200, "jmxrmi"],
    ["service:jmx:rmi:///jndi/rmi://10.0.0.1:7200/jmxrmi", "10.0.0.1", 7200, "jmxrmi"],
    ["service:jmx:rmi:///jndi/rmi://[::1]:7200/other", "::1", 7200, "other"],
    ["service:jmx:rmi://ignored:1/jndi/rmi://:7200/jmxrmi", "127.0.0.1", 7200, "jmxrmi"],
    ["service:jmx:rmi:///jndi/rmi:///jmxrmi", "127.0.0.1", 7199, "jmxrmi"],
  ])("reads '%s'", (text, host, port, name) => {
    expect(parseServiceUrl(text)).toEqual({ host, port, name });
  });

  it.each([
    "::1",
    "a:b",
    "a:0",
    "a:65536",
    "a:1:2",
    "http://a:1",
    "a b",
    "service:jmx:rmi:///jndi/rmi://a:1/",
    "service:jmx:jmxmp://a:1",
    "[a]:1x",
  ])("refuses '%s'", (text) => {
    expect(() => parseServiceUrl(text)).toThrow(expect.toSatisfy((error) => isAppError(error, "usage")));
  });

  it("reads back what formatAddress writes", () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65535 }), (host, port) => {
        expect(parseServiceUrl(formatAddress({ host, port }))).toEqual({ host, port, name: "jmxrmi" });
      }),
    );
  });
});
