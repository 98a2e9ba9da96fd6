import { describe, expect, it } from "vitest";
import type { ContainerSecurity } from "./runtime.ts";
import { resolveUser } from "./users.ts";

const tables = {
  passwd: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n",
  group: "root:x:0:\napp:x:1001:\nextra:x:1002:app,other\n",
};
const pod = { podName: "web", podNamespace: "default", podUid: "uid-1" };
const plain: ContainerSecurity = {
  privileged: false,
  readOnlyRootFilesystem: false,
  allowPrivilegeEscalation: true,
  addCapabilities: [],
  dropCapabilities: [],
};

function resolve(user: string, change: Partial<ContainerSecurity> = {}) {
  return resolveUser({ name: "main", security: { ...plain, ...change } }, { user }, tables, pod);
}

describe("resolveUser", () => {
  it.each([
    ["", { uid: 0, gid: 0, additionalGids: [0] }],
    ["app", { uid: 1000, gid: 1001, additionalGids: [1001, 1002] }],
    ["1000", { uid: 1000, gid: 1001, additionalGids: [1001, 1002] }],
    ["4242", { uid: 4242, gid: 0, additionalGids: [0] }],
    ["app:extra", { uid: 1000, gid: 1002, additionalGids: [1002] }],
    ["4242:77", { uid: 4242, gid: 77, additionalGids: [77] }],
  ])("finds the image's user %j", (user, expected) => {
    expect(resolve(user)).toEqual(expected);
  });

  it("prefers what the pod says and adds its groups", () => {
    expect(resolve("app", { runAsUser: 5, runAsGroup: 6, supplementalGroups: [7] })).toEqual({
      uid: 5,
      gid: 6,
      additionalGids: [6, 7],
    });
  });

  it("says which user or group is not there", () => {
    expect(() => resolve("nobody")).toThrow("unable to find user nobody: no matching entries in passwd file");
    expect(() => resolve("app:wheel")).toThrow("unable to find group wheel");
  });

  // Upstream: pkg/kubelet/kuberuntime/security_context.go
  it.each([
    ["", {}, "container has runAsNonRoot and image will run as root"],
    ["0:0", {}, "container has runAsNonRoot and image will run as root"],
    ["app", {}, "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root"],
    ["app", { runAsUser: 0 }, "container's runAsUser breaks non-root policy"],
  ])("refuses the image's user %j with %j when the pod must not be root", (user, change, problem) => {
    expect(() => resolve(user, { ...change, runAsNonRoot: true })).toThrow(
      expect.objectContaining({
        reason: "CreateContainerConfigError",
        message: `${problem} (pod: "web_default(uid-1)", container: main)`,
      }) as Error,
    );
  });

  it("lets a numeric user other than root pass", () => {
    expect(resolve("1000", { runAsNonRoot: true }).uid).toBe(1000);
    expect(resolve("app", { runAsNonRoot: true, runAsUser: 9 }).uid).toBe(9);
  });
});
