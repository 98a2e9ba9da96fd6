import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import type { RuntimeInANode } from "./runtime-in-a-node.ts";
import type { Container, ContainerConfig, ContainerSecurity, Sandbox, SandboxConfig } from "./runtime.ts";

/** What the agent relies on. Every runtime passes it. */
export function describeRuntime(name: string, open: () => Promise<RuntimeInANode>): void {
  describe(name, () => {
    let opened: RuntimeInANode | undefined;
    let node: RuntimeInANode;
    let pods = 0;

    beforeAll(async () => {
      node = opened = await open();
    });
    afterEach(async () => {
      const { sandboxes } = await node.runtime.list();
      await Promise.all(sandboxes.map(({ id }) => node.runtime.removePodSandbox(id)));
    });
    afterAll(async () => {
      await opened?.close();
    });

    async function runPod(change: Partial<SandboxConfig> = {}): Promise<Sandbox> {
      const podUid = `pod-${++pods}`;
      return node.runtime.runPodSandbox({
        podUid,
        podNamespace: "default",
        podName: `web-${pods}`,
        attempt: 0,
        hostname: `web-${pods}`,
        hostNetwork: false,
        cgroupParent: `${node.cgroup}/${podUid}`,
        logDirectory: join(node.folder, "logs", podUid),
        ...change,
      });
    }

    async function run(sandbox: Sandbox, change: Partial<ContainerConfig> = {}): Promise<string> {
      const id = await node.runtime.createContainer(sandbox.id, containerConfig(node, change));
      await node.runtime.startContainer(id);
      return id;
    }

    async function find(id: string): Promise<Container | undefined> {
      return (await node.runtime.list()).containers.find((container) => container.id === id);
    }

    async function untilExited(id: string): Promise<Container> {
      for (;;) {
        const container = await find(id);
        if (container?.state === "exited") return container;
        await systemClock.sleep(20);
      }
    }

    /** Runs a shell line to its end. */
    async function shell(line: string, change: Partial<ContainerConfig> = {}): Promise<{ container: Container; output: string }> {
      const sandbox = await runPod();
      const id = await run(sandbox, { command: ["sh", "-c", line], ...change });
      const container = await untilExited(id);
      const log = await readFile(join(node.folder, "logs", sandbox.podUid, "main/0.log"), "utf8");
      await node.runtime.removePodSandbox(sandbox.id);
      return { container, output: logText(log) };
    }

    it("names itself and its version", async () => {
      expect((await node.runtime.info()).version).toMatch(/^(crun|runc):\/\/\d+\.\d+/);
    });

    it("runs a container to its end and tells its exit code", async () => {
      const { container, output } = await shell("echo hello; exit 3");
      expect(container).toMatchObject({ state: "exited", exitCode: 3, reason: "Error", name: "main", attempt: 0 });
      expect(container.finishedAt).toBeGreaterThanOrEqual(container.startedAt!);
      expect(output).toBe("hello\n");
    });

    it("calls exit code 0 completed", async () => {
      expect((await shell("true")).container).toMatchObject({ exitCode: 0, reason: "Completed" });
    });

    it("keeps a created container from running until it is started", async () => {
      const sandbox = await runPod();
      const config = containerConfig(node, { command: ["sh", "-c", "echo ran > /tmp/ran; sleep 1000"] });
      const id = await node.runtime.createContainer(sandbox.id, config);
      expect(await find(id)).toMatchObject({ state: "created" });
      expect((await find(id))?.pid).toBeUndefined();
      await node.restart();
      expect(await find(id)).toMatchObject({ state: "created" });
      await node.runtime.startContainer(id);
      expect(await find(id)).toMatchObject({ state: "running", pid: expect.any(Number) as number });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("answers the same sandbox and container when asked for them again", async () => {
      const sandbox = await runPod({ podUid: "same" });
      expect(await runPod({ podUid: "same" })).toEqual(sandbox);
      const id = await run(sandbox);
      const before = await find(id);
      expect(await run(sandbox)).toBe(id);
      expect(await find(id)).toEqual(before);
      expect(await run(sandbox, { attempt: 1, logPath: "main/1.log" })).not.toBe(id);
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("says why a command cannot be started", async () => {
      const sandbox = await runPod();
      await expect(run(sandbox, { command: ["/no/such/command"] })).rejects.toMatchObject({
        reason: "RunContainerError",
        message: expect.stringMatching(/no such (file|command)/i) as string,
      });
      const { containers } = await node.runtime.list();
      expect(containers.find(({ sandboxId }) => sandboxId === sandbox.id)).toMatchObject({
        state: "exited",
        exitCode: 128,
        reason: "StartError",
      });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("refuses an image that is not present", async () => {
      const sandbox = await runPod();
      const config = containerConfig(node, { imageId: `sha256:${"b".repeat(64)}` });
      await expect(node.runtime.createContainer(sandbox.id, config)).rejects.toMatchObject({ reason: "ImageNotPresent" });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("stops with the stop signal and lets the process finish its work", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox, {
        command: ["sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done"],
      });
      await untilLogged(node, sandbox, "up");
      await node.runtime.stopContainer(id, 10_000);
      expect(await find(id)).toMatchObject({ state: "exited", exitCode: 5 });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("kills what ignores the stop signal when the grace period is over", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox, { command: ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"] });
      await untilLogged(node, sandbox, "up");
      const before = systemClock.monotonic();
      await node.runtime.stopContainer(id, 300);
      expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(290);
      expect(await find(id)).toMatchObject({ state: "exited", exitCode: 137, reason: "Error" });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("lets a second, shorter stop overtake a patient one", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox, { command: ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"] });
      await untilLogged(node, sandbox, "up");
      const before = systemClock.monotonic();
      await Promise.all([node.runtime.stopContainer(id, 60_000), node.runtime.stopContainer(id, 0)]);
      expect(systemClock.monotonic() - before).toBeLessThan(20_000);
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("yields a change when a container dies by itself", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox);
      const changed = node.nextChange();
      process.kill((await find(id))!.pid!, "SIGKILL");
      await changed;
      expect(await untilExited(id)).toMatchObject({ exitCode: 137, reason: "Error" });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("tells running out of memory from being killed", async () => {
      const { container } = await shell("head -c 100000000 /dev/zero | tail", {
        resources: { memoryLimitBytes: 16 * 1024 * 1024 },
      });
      expect(container.exitCode).not.toBe(0);
      const eater = await shell("exec tail /dev/zero", { resources: { memoryLimitBytes: 16 * 1024 * 1024 } });
      expect(eater.container).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
    });

    it("puts image, pod and defaults into the environment", async () => {
      const { output } = await shell("echo $FROM_IMAGE $MINE $HOSTNAME $PATH; hostname; cat /etc/hostname; pwd", {
        env: [{ name: "MINE", value: "1" }],
        workingDir: "/made/for/me",
      });
      const [variables, ...rest] = output.trim().split("\n");
      expect(variables).toMatch(/^yes 1 web-\d+ \/usr\/local\/sbin:/);
      expect(rest).toEqual([expect.stringMatching(/^web-/), expect.stringMatching(/^web-/), "/made/for/me"]);
    });

    it("runs as the user and the groups it was given", async () => {
      const security = { ...plain, runAsUser: 1000, runAsGroup: 4000, supplementalGroups: [5000] };
      expect((await shell("id -u; id -g; id -G; touch /etc/x 2>&1 || echo refused", { security })).output).toMatch(
        /^1000\n4000\n4000 1002 5000\n[^]*refused\n$/,
      );
    });

    it("refuses to run as root what must not", async () => {
      const sandbox = await runPod();
      await expect(run(sandbox, { security: { ...plain, runAsNonRoot: true } })).rejects.toMatchObject({
        reason: "CreateContainerConfigError",
        message: expect.stringContaining("container has runAsNonRoot and image will run as root (pod: ") as string,
      });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("gives the default capabilities, fewer and all when asked", async () => {
      const effective = async (change: Partial<ContainerSecurity>) =>
        (await shell("grep CapEff /proc/self/status", { security: { ...plain, ...change } })).output.split("\t")[1]!.trim();
      expect(await effective({})).toBe("00000000a80425fb");
      expect(await effective({ dropCapabilities: ["ALL"], addCapabilities: ["NET_BIND_SERVICE"] })).toBe("0000000000000400");
      expect(parseInt(await effective({ privileged: true }), 16)).toBeGreaterThan(2 ** 36);
    });

    it("confines what is not privileged", async () => {
      const line =
        "grep -E 'Seccomp:|NoNewPrivs' /proc/self/status; mount -t tmpfs none /tmp || echo mount refused; wc -c < /proc/kcore; ls /dev";
      const confined = await shell(line, { security: { ...plain, allowPrivilegeEscalation: false } });
      expect(confined.output).toContain("NoNewPrivs:\t1\n");
      expect(confined.output).toContain("Seccomp:\t2\n");
      expect(confined.output).toContain("mount refused");
      expect(confined.output).not.toMatch(/\bkmsg\b/);
      const privileged = await shell(line.replace("wc -c < /proc/kcore;", ""), { security: { ...plain, privileged: true } });
      expect(privileged.output).toContain("Seccomp:\t0\n");
      expect(privileged.output).not.toContain("mount refused");
      expect(privileged.output).toMatch(/\bkmsg\b/);
    });

    it("keeps a read-only root file system from being written", async () => {
      const security = { ...plain, readOnlyRootFilesystem: true };
      expect(
        (await shell("touch /tmp/x 2>/dev/null && echo written || echo refused; touch /dev/shm/x && echo shared", { security }))
          .output,
      ).toBe("refused\nshared\n");
    });

    it("mounts folders and single files, also where the image has none", async () => {
      const folder = join(node.folder, "volume");
      await mkdir(join(folder, "data"), { recursive: true });
      await writeFile(join(folder, "file"), "from the host\n");
      const mounts = [
        { hostPath: join(folder, "file"), containerPath: "/new/place/file", readOnly: true },
        { hostPath: join(folder, "data"), containerPath: "/data", readOnly: false },
      ];
      const { output } = await shell("cat /new/place/file; echo x > /new/place/file || echo refused; echo back > /data/out", {
        mounts,
      });
      expect(output).toContain("from the host\n");
      expect(output).toContain("refused\n");
      expect(await readFile(join(folder, "data/out"), "utf8")).toBe("back\n");
    });

    it("limits processes and reports what is used", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox, {
        command: ["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 1000"],
        resources: { pidsLimit: 25, cpuShares: 256, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimitBytes: 64 * 1024 * 1024 },
      });
      const statsOf = async () => (await node.runtime.stats()).find((entry) => entry.id === id);
      await expect.poll(async () => (await statsOf())?.cpuNanoseconds).toBeGreaterThan(1_000_000);
      const stats = await statsOf();
      expect(stats!.workingSetBytes).toBeGreaterThan(10_000);
      const forks = await node.runtime.exec(id, ["sh", "-c", "i=0; while [ $i -lt 40 ]; do i=$((i+1)); sleep 3 & done"], {
        timeoutMs: 60_000,
      });
      expect(forks.stderr).toContain("can't fork");
      await node.runtime.updateContainer(id, { pidsLimit: 80, memoryLimitBytes: 32 * 1024 * 1024 });
      const after = await node.runtime.exec(
        id,
        ["cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"],
        { timeoutMs: 60_000 },
      );
      expect(after.stdout).toBe(`${32 * 1024 * 1024}\n`);
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("executes commands with the container's user, environment and outputs apart", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox, { security: { ...plain, runAsUser: 1000 }, env: [{ name: "MINE", value: "1" }] });
      const result = await node.runtime.exec(id, ["sh", "-c", "id -u; echo $MINE; echo bad >&2; exit 4"], { timeoutMs: 60_000 });
      expect(result).toEqual({ exitCode: 4, stdout: "1000\n1\n", stderr: "bad\n" });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("kills an executed command that takes too long, inside the container too", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox);
      const result = await node.runtime.exec(id, ["sh", "-c", "echo begun; exec sleep 77"], { timeoutMs: 1500 });
      expect(result).toEqual({ stdout: "begun\n", stderr: "" });
      expect((await node.runtime.exec(id, ["ps"], { timeoutMs: 60_000 })).stdout).not.toContain("sleep 77");
      expect(await find(id)).toMatchObject({ state: "running" });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("writes the log in the CRI's format and goes on in a new file after a rotation", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox, { command: ["sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done"] });
      await untilLogged(node, sandbox, "line 3");
      const log = join(node.folder, "logs", sandbox.podUid, "main/0.log");
      await rename(log, `${log}.1`);
      await node.runtime.reopenLog(id);
      await expect.poll(() => readFile(log, "utf8").catch(() => "")).toContain("line");
      await node.runtime.stopContainer(id, 0);
      const [first, second] = await Promise.all([readFile(`${log}.1`, "utf8"), readFile(log, "utf8")]);
      expect(first).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d) stdout F line 1\n/);
      const numbers = logText(first + second)
        .trim()
        .split("\n")
        .map((line) => Number(line.slice(5)));
      expect(second).not.toBe("");
      expect(numbers).toEqual(numbers.map((_number, index) => index + 1));
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("finds everything again after its process was killed", async () => {
      const sandbox = await runPod();
      const running = await run(sandbox);
      const ending = await run(sandbox, { name: "short", command: ["sh", "-c", "sleep 0.3; exit 9"], logPath: "short/0.log" });
      const before = await find(running);
      await node.restart();
      await systemClock.sleep(300);
      expect(await find(running)).toEqual(before);
      expect(await untilExited(ending)).toMatchObject({ exitCode: 9 });
      expect((await node.runtime.list()).sandboxes.find(({ id }) => id === sandbox.id)).toEqual(sandbox);
      expect((await node.runtime.exec(running, ["echo", "still here"], { timeoutMs: 60_000 })).stdout).toBe("still here\n");
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("kills what has lost its monitor and says that nobody knows how it ended", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox);
      const { pid } = (await find(id))!;
      process.kill(await parentOf(pid!), "SIGKILL");
      expect(await untilExited(id)).toMatchObject({ exitCode: 137, reason: "ContainerStatusUnknown" });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("gives each pod a network and its containers one another's", async () => {
      const [one, two] = [await runPod(), await runPod()];
      expect(one.ip).toMatch(/^10\.99\.7\./);
      expect(two.ip).not.toBe(one.ip);
      await run(one, { command: ["sh", "-c", "mkdir /www; echo hi > /www/index.html; exec httpd -f -p 80 -h /www"] });
      const client = await run(two);
      const fetched = await node.runtime.exec(
        client,
        ["sh", "-c", `for i in $(seq 100); do wget -qO- http://${one.ip}/ && break; sleep 0.1; done`],
        { timeoutMs: 60_000 },
      );
      expect(fetched.stdout).toBe("hi\n");
      expect((await node.runtime.exec(client, ["wget", "-qO-", "http://127.0.0.1/"], { timeoutMs: 60_000 })).exitCode).not.toBe(
        0,
      );
      await Promise.all([one, two].map(({ id }) => node.runtime.removePodSandbox(id)));
    });

    it("gives a stopped sandbox's network back and says that it is not ready", async () => {
      const sandbox = await runPod();
      const id = await run(sandbox);
      await node.runtime.stopPodSandbox(sandbox.id);
      await node.runtime.stopPodSandbox(sandbox.id);
      expect(await find(id)).toMatchObject({ state: "exited", exitCode: 137 });
      expect((await node.runtime.list()).sandboxes.find((other) => other.id === sandbox.id)).toMatchObject({ state: "notReady" });
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("shares the node's network with a pod that asks for it", async () => {
      const sandbox = await runPod({ hostNetwork: true });
      expect(sandbox.ip).toBe("");
      const id = await run(sandbox);
      expect((await node.runtime.exec(id, ["ip", "address", "show", "pods"], { timeoutMs: 60_000 })).stdout).toContain(
        "10.99.7.1/24",
      );
      await node.runtime.removePodSandbox(sandbox.id);
    });

    it("runs many pods at once and leaves nothing of them", async () => {
      const sandboxes = await Promise.all(Array.from({ length: 12 }, () => runPod()));
      expect(new Set(sandboxes.map(({ ip }) => ip)).size).toBe(12);
      await Promise.all(sandboxes.map((sandbox) => run(sandbox)));
      await Promise.all(sandboxes.map(({ id }) => node.runtime.removePodSandbox(id)));
      await Promise.all(sandboxes.map(({ id }) => node.runtime.removePodSandbox(id)));
      expect(await node.runtime.list()).toEqual({ sandboxes: [], containers: [] });
      expect(await node.inNode(["cat", "/proc/self/mountinfo"])).not.toContain(node.folder);
      expect(await node.inNode(["ip", "link"])).not.toMatch(/pod[0-9a-f]{12}/);
      expect(await node.inNode(["sh", "-c", `find /sys/fs/cgroup -path '*${node.cgroup}/*/*' -type d`])).toBe("");
      expect(await node.inNode(["sh", "-c", "ps ax | grep -c '[c]onmon.*" + node.folder + "' || true"])).toBe("0\n");
      expect(
        await node.inNode([
          "ls",
          join(node.folder, "root/containers"),
          join(node.folder, "run/exits"),
          join(node.folder, "run/oci"),
        ]),
      ).not.toMatch(/[0-9a-f]{64}/);
    });
  });
}

const plain: ContainerSecurity = {
  privileged: false,
  readOnlyRootFilesystem: false,
  allowPrivilegeEscalation: true,
  addCapabilities: [],
  dropCapabilities: [],
};

function containerConfig(node: RuntimeInANode, change: Partial<ContainerConfig>): ContainerConfig {
  return {
    name: "main",
    attempt: 0,
    imageId: node.image.id,
    image: "busybox",
    env: [],
    mounts: [],
    logPath: "main/0.log",
    resources: {},
    security: plain,
    tty: false,
    ...change,
  };
}

async function untilLogged(node: RuntimeInANode, sandbox: Sandbox, text: string): Promise<void> {
  const log = join(node.folder, "logs", sandbox.podUid, "main/0.log");
  while (!(await readFile(log, "utf8").catch(() => "")).includes(text)) await systemClock.sleep(10);
}

/** What was written, without time, stream and tag. */
function logText(log: string): string {
  return log.replace(/^\S+ (stdout|stderr) [FP] /gm, "");
}

async function parentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^PPid:\s+(\d+)/m.exec(status)![1]);
}
