import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PodSpec } from "#api/generated/types";
import type { ConfigSource } from "../config-source.ts";
import type { PodFacts } from "../downward-api.ts";
import { runChecked, runCommand } from "../runtime/run-command.ts";
import { podVolumes } from "./pod-volumes.ts";
import type { TokenSource } from "./token-source.ts";

const skip = process.getuid?.() !== 0 && process.env["CI"] !== "true";
const stored = { uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };

describe.skipIf(skip)("the volumes of a pod (needs root, to mount)", () => {
  let folder: string;
  let settings: Record<string, string> | undefined;

  const source: ConfigSource = {
    configMap: async (namespace, name) =>
      settings === undefined ? undefined : { metadata: { ...stored, namespace, name }, data: settings },
    secret: async (namespace, name) => ({
      metadata: { ...stored, namespace, name },
      data: { password: Buffer.from("hunter2").toString("base64") },
    }),
  };
  const tokens: TokenSource = { token: async () => "a.b.c", forget: () => undefined };
  const volumes = podVolumes({ watches: { follow: () => source, unfollow: () => undefined }, tokens });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-volumes-"));
    settings = { color: "green" };
  });
  afterEach(async () => {
    await volumes.tearDown(folder, stored.uid);
    await rm(folder, { recursive: true });
  });

  const setUp = (list: PodSpec["volumes"] & object, spec: Partial<PodSpec> = {}) => {
    const pod = { metadata: { ...stored, namespace: "default", name: "web" }, spec: { containers: [], ...spec, volumes: list } };
    const allocatable = { cpu: "1", memory: "1", "ephemeral-storage": "1" };
    const facts: PodFacts = { pod, podIP: "10.0.0.2", hostIP: "172.30.0.2", allocatable };
    return volumes.setUp(facts, folder, () => undefined);
  };
  const kindOf = async (path: string) => (await runChecked(["stat", "-f", "-c", "%T", path])).trim();
  const isMounted = async (path: string) => (await runCommand(["mountpoint", "-q", path])).exitCode === 0;

  it("keep what is written to an emptyDir, with the pod's group, when they are made again", async () => {
    const spec = { securityContext: { fsGroup: 2000 } };
    const path = (await setUp([{ name: "data", emptyDir: {} }], spec)).get("data")?.hostPath ?? "";
    const { mode, gid } = await stat(path);
    expect([mode & 0o7777, gid]).toEqual([0o2777, 2000]);
    await mkdir(join(path, "kept"));
    await setUp([{ name: "data", emptyDir: {} }], spec);
    expect((await stat(join(path, "kept"))).gid).toBe(2000);
  });

  it("lie in memory where that is asked for, and only so large", async () => {
    const path = (await setUp([{ name: "mem", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }])).get("mem")?.hostPath ?? "";
    expect(await kindOf(path)).toBe("tmpfs");
    const { exitCode } = await runCommand(["dd", "if=/dev/zero", `of=${join(path, "big")}`, "bs=1M", "count=2"]);
    expect(exitCode).not.toBe(0);
  });

  it("keep secrets off the disk, and leave no mount behind", async () => {
    const secret = (await setUp([{ name: "sec", secret: { secretName: "s", defaultMode: 0o400 } }])).get("sec");
    const path = secret?.hostPath ?? "";
    expect(secret?.readOnly).toBe(true);
    expect(await kindOf(path)).toBe("tmpfs");
    expect(await readFile(join(path, "password"), "utf8")).toBe("hunter2");
    expect((await stat(join(path, "password"))).mode & 0o777).toBe(0o400);
    await volumes.tearDown(folder, stored.uid);
    expect(await isMounted(path)).toBe(false);
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  it("follow a ConfigMap, and say which is missing", async () => {
    const volume = { name: "cfg", configMap: { name: "settings", items: [{ key: "color", path: "ui/color" }] } };
    const path = (await setUp([volume])).get("cfg")?.hostPath ?? "";
    expect(await readFile(join(path, "ui/color"), "utf8")).toBe("green");
    settings = { color: "red" };
    await setUp([volume]);
    expect(await readFile(join(path, "ui/color"), "utf8")).toBe("red");
    settings = undefined;
    await expect(setUp([volume])).rejects.toThrow('MountVolume.SetUp failed for volume "cfg" : configmap "settings" not found');
    await expect(setUp([{ ...volume, configMap: { name: "settings", optional: true } }])).resolves.toBeDefined();
  });

  // Source: pkg/volume/projected/projected.go, and SetVolumeOwnership for what a group may read.
  it.each([
    ["everybody, where nobody says as whom the containers run", {}, [0o644, 0, 0]],
    ["the user that all containers run as", { securityContext: { runAsUser: 1000 } }, [0o600, 1000, 0]],
    ["the pod's group", { securityContext: { fsGroup: 2000 } }, [0o640, 0, 2000]],
    ["both", { securityContext: { runAsUser: 1000, fsGroup: 2000 } }, [0o640, 1000, 2000]],
  ])("let a token be read by %s", async (_who, spec, expected) => {
    const volume = {
      name: "kube-api-access-x",
      projected: {
        defaultMode: 0o644,
        sources: [
          { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
          { configMap: { name: "settings", items: [{ key: "color", path: "ca.crt" }] } },
          { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
        ],
      },
    };
    const containers = [{ name: "c", image: "i" }];
    const path = (await setUp([volume], { containers, ...spec })).get(volume.name)?.hostPath ?? "";
    const read = (name: string) => readFile(join(path, name), "utf8");
    expect(await Promise.all(["token", "ca.crt", "namespace"].map(read))).toEqual(["a.b.c", "green", "default"]);
    const { mode, uid, gid } = await stat(join(path, "token"));
    expect([mode & 0o777, uid, gid]).toEqual(expected);
    expect(await kindOf(path)).toBe("tmpfs");
  });

  it("check what a hostPath is", async () => {
    const path = join(folder, "on-the-host");
    await expect(setUp([{ name: "h", hostPath: { path, type: "Directory" } }])).rejects.toThrow("is not a directory");
    await setUp([{ name: "h", hostPath: { path, type: "DirectoryOrCreate" } }]);
    await expect(setUp([{ name: "h", hostPath: { path, type: "File" } }])).rejects.toThrow("is not a file");
  });

  it.each(["../out", "/etc/passwd", "a/../../b"])("refuse a file at %s", async (escape) => {
    const volume = { name: "cfg", configMap: { name: "settings", items: [{ key: "color", path: escape }] } };
    await expect(setUp([volume])).rejects.toThrow("must stay below the volume");
  });
});
