import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listProcessIds } from "./process-table.ts";
import { openRuntimeInANode, type RuntimeInANode } from "./runtime-in-a-node.ts";
import type { ContainerConfig, SandboxConfig } from "./runtime.ts";

const crun = "/usr/bin/crun";
const missing = [crun, "/usr/bin/conmon", "/usr/bin/busybox"].filter((path) => !existsSync(path));
const reason = process.getuid?.() !== 0 ? "needs root" : missing.length > 0 ? `needs ${missing.join(", ")}` : "";

/** A runtime that stops answering is played by one that sleeps when a file says so. */
describe.skipIf(reason !== "" && process.env["CI"] !== "true")(`a runtime that hangs${reason && ` (skipped: ${reason})`}`, () => {
  let folder: string;
  let hang: string;
  let node: RuntimeInANode;
  const nap = "86399.25";

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-hang-"));
    hang = join(folder, "hang");
    const script = join(folder, "crun");
    await writeFile(
      script,
      `#!/bin/sh\nfor word; do test -e ${hang} && grep -qx -- "$word" ${hang} && exec sleep ${nap}; done\nexec ${crun} "$@"\n`,
    );
    await chmod(script, 0o755);
    node = await openRuntimeInANode(script, undefined, { callLimitMs: 1500 });
  });
  afterAll(async () => {
    await node.close();
    await rm(folder, { recursive: true });
  });

  const sandboxConfig = (podUid: string): SandboxConfig => ({
    podUid,
    podNamespace: "default",
    podName: podUid,
    attempt: 0,
    hostname: podUid,
    hostNetwork: false,
    cgroupParent: `${node.cgroup}/${podUid}`,
    logDirectory: join(node.folder, "logs", podUid),
  });
  const config = (): ContainerConfig => ({
    name: "main",
    attempt: 0,
    imageId: node.image.id,
    image: "busybox",
    command: ["sleep", "1000"],
    env: [],
    mounts: [],
    logPath: "main/0.log",
    resources: {},
    security: {
      privileged: false,
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: false,
      addCapabilities: [],
      dropCapabilities: [],
    },
    tty: false,
  });
  const sleepers = async (): Promise<number> => {
    const all = await Promise.all(
      (await listProcessIds()).map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
    );
    return all.filter((command) => command.includes(nap)).length;
  };

  it.each(["create", "start"])(
    "says so of a %s, leaves no process of it, and starts it when it answers again",
    async (command) => {
      const sandbox = await node.runtime.runPodSandbox(sandboxConfig(`hanging-${command}`));
      const first = await node.runtime.createContainer(sandbox.id, config());
      await writeFile(hang, `${command}\n`);
      await expect(node.runtime.startContainer(first)).rejects.toThrow(/within 1.5 s and was killed/);
      expect(await sleepers()).toBe(0);
      await rm(hang);
      const second = await node.runtime.createContainer(sandbox.id, { ...config(), attempt: 1, logPath: "main/1.log" });
      await node.runtime.startContainer(second);
      const running = (await node.runtime.list()).containers.filter(({ state }) => state === "running");
      expect(running.map(({ id }) => id)).toEqual([second]);
      await node.runtime.removePodSandbox(sandbox.id);
    },
  );

  it("ends a command that does not begin within its time", async () => {
    const sandbox = await node.runtime.runPodSandbox(sandboxConfig("hanging-exec"));
    const id = await node.runtime.createContainer(sandbox.id, config());
    await node.runtime.startContainer(id);
    await writeFile(hang, "exec\n");
    // It would not be awake in time.
    expect(await node.runtime.exec(id, ["true"], { timeoutMs: 500 })).toEqual({ stdout: "", stderr: "" });
    await rm(hang);
    expect(await sleepers()).toBe(0);
    expect(await node.runtime.exec(id, ["echo", "well"], { timeoutMs: 60_000 })).toMatchObject({ stdout: "well\n" });
    await node.runtime.removePodSandbox(sandbox.id);
  });

  it("ends what a command that took too long had begun, too", async () => {
    const sandbox = await node.runtime.runPodSandbox(sandboxConfig("piling-up"));
    const id = await node.runtime.createContainer(sandbox.id, config());
    await node.runtime.startContainer(id);
    await node.runtime.exec(id, ["sh", "-c", "sleep 78 & sleep 78 & wait"], { timeoutMs: 500 });
    const { stdout } = await node.runtime.exec(id, ["ps"], { timeoutMs: 60_000 });
    expect(stdout).not.toContain("sleep 78");
    await node.runtime.removePodSandbox(sandbox.id);
  });
});
