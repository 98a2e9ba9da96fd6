import { describe, expect, it } from "vitest";
import type { ImageConfig } from "../images/image-service.ts";
import type { BundleInput } from "./bundle.ts";
import { buildSpec, ociResources, processArgs, processEnv } from "./bundle.ts";
import type { ContainerConfig, ContainerSecurity } from "./runtime.ts";

const image: ImageConfig = { env: [], entrypoint: ["/entry"], command: ["default"], volumes: [] };

const security: ContainerSecurity = {
  privileged: false,
  readOnlyRootFilesystem: false,
  allowPrivilegeEscalation: true,
  addCapabilities: [],
  dropCapabilities: [],
};

function input(change: { config?: Partial<ContainerConfig>; bundle?: Partial<BundleInput> } = {}): BundleInput {
  return {
    sandbox: {
      podUid: "uid",
      podNamespace: "default",
      podName: "web",
      attempt: 0,
      hostname: "web",
      hostNetwork: false,
      cgroupParent: "/pods/uid",
      logDirectory: "/logs",
    },
    config: {
      name: "main",
      attempt: 0,
      imageId: "sha256:x",
      image: "x",
      env: [],
      mounts: [],
      logPath: "main/0.log",
      resources: {},
      security,
      tty: false,
      ...change.config,
    },
    image,
    user: { uid: 0, gid: 0, additionalGids: [0] },
    rootfs: "/rootfs",
    cgroupPath: "/pods/uid/id",
    cgroupVersion: 1,
    namespaces: { network: "/ns/net", ipc: "/ns/ipc", uts: "/ns/uts" },
    sharedMemory: "/ns/shm",
    hostnameFile: "/ns/hostname",
    devices: [{ path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 0o644, uid: 0, gid: 0 }],
    grantable: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"],
    lowestOomScoreAdj: -1000,
    ...change.bundle,
  };
}

describe("processArgs", () => {
  // The table of https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
  it.each([
    [undefined, undefined, ["/entry", "default"]],
    [["/mine"], undefined, ["/mine"]],
    [undefined, ["other"], ["/entry", "other"]],
    [["/mine"], ["other"], ["/mine", "other"]],
    [[], [], ["/entry", "default"]],
  ])("command %j with args %j runs %j", (command, args, expected) => {
    expect(processArgs({ ...(command && { command }), ...(args && { args }) }, image)).toEqual(expected);
  });

  it("refuses when nothing says what to run", () => {
    expect(() => processArgs({}, { ...image, entrypoint: [], command: [] })).toThrow("no command specified");
  });
});

describe("processEnv", () => {
  it("lets the pod win over the image, and the image over the defaults", () => {
    const env = processEnv(
      { env: [{ name: "A", value: "pod=1" }], tty: false },
      { ...image, env: ["A=image", "PATH=/bin", "B="] },
      "web",
    );
    expect(env).toEqual(["PATH=/bin", "HOSTNAME=web", "A=pod=1", "B="]);
  });
});

describe("buildSpec", () => {
  it("joins the pod's namespaces and makes its own for processes and mounts", () => {
    expect(buildSpec(input()).linux.namespaces).toEqual([
      { type: "mount" },
      { type: "pid" },
      { type: "network", path: "/ns/net" },
      { type: "ipc", path: "/ns/ipc" },
      { type: "uts", path: "/ns/uts" },
    ]);
  });

  it("leaves out the network's and the processes' when the pod shares the node's", () => {
    const shared = input({ bundle: { namespaces: { uts: "/ns/uts" }, cgroupVersion: 2 } });
    const spec = buildSpec({ ...shared, sandbox: { ...shared.sandbox, hostNetwork: true, hostPid: true } });
    expect(spec.linux.namespaces.map(({ type }) => type)).toEqual(["mount", "uts", "cgroup"]);
  });

  it("gives no more capabilities than there are to give", () => {
    expect(buildSpec(input()).process.capabilities.bounding).toEqual(["CAP_CHOWN", "CAP_KILL"]);
  });

  it("drops every confinement of a privileged container and gives it all devices", () => {
    const { linux, process, mounts } = buildSpec(
      input({ config: { security: { ...security, privileged: true, allowPrivilegeEscalation: false } } }),
    );
    expect(linux.seccomp).toBeUndefined();
    expect([linux.maskedPaths, linux.readonlyPaths]).toEqual([[], []]);
    expect(linux.devices.map(({ path }) => path)).toEqual(["/dev/kmsg"]);
    expect(linux.resources.devices).toEqual([{ allow: true, access: "rwm" }]);
    expect(process.noNewPrivileges).toBe(false);
    expect(mounts.find(({ destination }) => destination === "/sys")?.options).toContain("rw");
  });

  it("confines any other one", () => {
    const { linux, process } = buildSpec(input({ config: { security: { ...security, allowPrivilegeEscalation: false } } }));
    expect(linux.seccomp?.syscalls[0]?.names).toEqual(expect.arrayContaining(["mount", "bpf", "reboot", "kexec_load"]));
    expect(linux.maskedPaths).toContain("/proc/kcore");
    expect(linux.devices).toEqual([]);
    expect(process.noNewPrivileges).toBe(true);
  });

  it("opens system calls again to the capability that guards them", () => {
    const { linux } = buildSpec(input({ config: { security: { ...security, addCapabilities: ["SYS_ADMIN"] } } }));
    expect(linux.seccomp?.syscalls).toHaveLength(1);
    expect(linux.seccomp?.syscalls[0]?.names).not.toContain("mount");
    expect(linux.seccomp?.syscalls[0]?.names).toContain("reboot");
  });

  it("can be left without seccomp", () => {
    expect(
      buildSpec(input({ config: { security: { ...security, seccompProfile: "Unconfined" } } })).linux.seccomp,
    ).toBeUndefined();
  });

  it("mounts parents before what lies in them, and the pod's own in place of the sandbox's", () => {
    const mount = (containerPath: string) => ({ hostPath: `/volumes${containerPath}`, containerPath, readOnly: false });
    const { mounts } = buildSpec(
      input({ config: { mounts: [mount("/data/inner"), mount("/data"), mount("/etc/hostname"), mount("/dev/shm/")] } }),
    );
    const destinations = mounts.map(({ destination }) => destination);
    expect(destinations.indexOf("/data")).toBeLessThan(destinations.indexOf("/data/inner"));
    expect(mounts.filter(({ destination }) => destination === "/etc/hostname").map(({ source }) => source)).toEqual([
      "/volumes/etc/hostname",
    ]);
    expect(destinations.filter((path) => path.startsWith("/dev/shm"))).toEqual(["/dev/shm/"]);
  });

  it("refuses a capability that does not exist", () => {
    expect(() => buildSpec(input({ config: { security: { ...security, addCapabilities: ["FLY"] } } }))).toThrow(
      'unknown capability "CAP_FLY"',
    );
  });
});

describe("ociResources", () => {
  it("allows no swap beside the memory, and on v2 lets a container die whole", () => {
    expect(ociResources({ memoryLimitBytes: 100 }, 1)).toEqual({ memory: { limit: 100, swap: 100 } });
    expect(ociResources({ memoryLimitBytes: 100 }, 2)).toMatchObject({ unified: { "memory.oom.group": "1" } });
    expect(ociResources({}, 2)).toEqual({});
  });
});
