import { describe, expect, it } from "vitest";
import { AppError } from "../errors.ts";
import {
  callError,
  isAbsentInRemote,
  isConnectionRefused,
  RemoteJavaError,
  remoteException,
  socketError,
} from "./errors.ts";

const java = (className: string, message?: string, cause?: RemoteJavaError) =>
  new RemoteJavaError([className, "java.lang.Exception", "java.lang.Throwable"], message, cause, []);
const system = (code: string, message = code) => Object.assign(new Error(message), { code });

describe("callError", () => {
  it("says what the innermost exception says, and keeps the outermost", () => {
    const error = callError(java("javax.management.MBeanException", "outer", java("java.io.IOException", "inner")));
    expect(error).toMatchObject({ code: "node-refused", message: "inner" });
    expect(remoteException(error)?.className).toBe("javax.management.MBeanException");
  });

  it("names the class of an exception without words", () => {
    expect(callError(java("java.lang.NullPointerException")).message).toBe("java.lang.NullPointerException");
  });

  it("takes the agent's own SecurityException for missing rights, but not an mbean's", () => {
    expect(callError(java("java.lang.SecurityException", "Access denied!")).code).toBe("unauthorized");
    const byMBean = java(
      "javax.management.RuntimeMBeanException",
      undefined,
      java("java.lang.SecurityException", "no"),
    );
    expect(callError(byMBean).code).toBe("node-refused");
  });
});

describe("isAbsentInRemote", () => {
  it.each([
    java("javax.management.InstanceNotFoundException"),
    java("javax.management.AttributeNotFoundException"),
    java("javax.management.ReflectionException", undefined, java("java.lang.NoSuchMethodException")),
  ])("knows $className", (error) => {
    expect(isAbsentInRemote(callError(error))).toBe(true);
  });

  it("does not mistake what an mbean throws for it", () => {
    const thrown = java("javax.management.MBeanException", undefined, java("java.lang.NoSuchMethodException"));
    expect(isAbsentInRemote(callError(thrown))).toBe(false);
    expect(isAbsentInRemote(new AppError("timeout", "late"))).toBe(false);
  });
});

describe("socketError", () => {
  it.each([
    ["ECONNREFUSED", "unreachable"],
    ["ECONNRESET", "unreachable"],
    ["ENOTFOUND", "unreachable"],
    ["EWHATEVER", "unreachable"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "unauthorized"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "unauthorized"],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "unauthorized"],
    ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "unauthorized"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "protocol"],
  ])("takes %s for %s", (code, expected) => {
    expect(socketError(system(code), "h:1")).toMatchObject({ code: expected });
    expect(socketError(system(code), "h:1").message).toContain("h:1");
  });

  it("tells a refused connection from every other failure", () => {
    expect(isConnectionRefused(socketError(system("ECONNREFUSED"), "h:1"))).toBe(true);
    expect(isConnectionRefused(socketError(system("ECONNRESET"), "h:1"))).toBe(false);
    expect(isConnectionRefused(system("ECONNREFUSED"))).toBe(false);
  });
});
