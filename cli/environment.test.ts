import { userInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { kubeconfigTarget } from "./environment.ts";

describe("kubeconfigTarget", () => {
  it("prefers the flag, then the first of $KUBECONFIG, then ~/.kube/config", () => {
    const env = { KUBECONFIG: "/a:/b", HOME: "/home/me" };
    expect(kubeconfigTarget("/flag", env).file).toBe("/flag");
    expect(kubeconfigTarget(undefined, env).file).toBe("/a");
    expect(kubeconfigTarget(undefined, { HOME: "/home/me" }).file).toBe("/home/me/.kube/config");
    expect(kubeconfigTarget(undefined, { KUBECONFIG: "", HOME: "/home/me" }).file).toBe("/home/me/.kube/config");
  });

  const isRoot = process.getuid?.() === 0;
  it.skipIf(!isRoot)("takes that of the person behind sudo, and leaves it theirs (needs root)", () => {
    const { homedir, uid, gid } = userInfo();
    const env = { SUDO_UID: String(uid), SUDO_GID: String(gid), SUDO_USER: "somebody", HOME: "/elsewhere" };
    expect(kubeconfigTarget(undefined, env)).toEqual({ file: `${homedir}/.kube/config`, owner: { uid, gid } });
  });

  it("says nothing of an owner without sudo", () => {
    expect(kubeconfigTarget(undefined, { HOME: "/home/me" })).not.toHaveProperty("owner");
  });
});
