import { describe, expect, it } from "vitest";
import { methodHash } from "./method-hash.ts";

describe("methodHash", () => {
  it.each([
    ["getVersion()Ljava/lang/String;", -8081107751519807347n],
    ["newClient(Ljava/lang/Object;)Ljavax/management/remote/rmi/RMIConnection;", -1089742558549201240n],
    ["close()V", -4742752445160157748n],
    ["isRegistered(Ljavax/management/ObjectName;Ljavax/security/auth/Subject;)Z", 8325683335228268564n],
    ["getDefaultDomain(Ljavax/security/auth/Subject;)Ljava/lang/String;", 6047668923998658472n],
    ["lookup(Ljava/lang/String;)Ljava/rmi/Remote;", -7538657168040752697n],
  ])("of %s is what java computes", (signature, hash) => {
    expect(methodHash(signature)).toBe(hash);
    expect(methodHash(signature)).toBe(hash);
  });
});
