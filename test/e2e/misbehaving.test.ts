import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pod as PodObject } from "#api/generated/types";
import type { Stored } from "#api/object";
import { loadHelloImage } from "./hello-image.ts";
import { podCgroups } from "./host-state.ts";
import { whyNot } from "./requirements.ts";
import { eventually, succeed } from "./run.ts";
import { TestCluster, type Kubectl } from "./test-cluster.ts";

type Pod = Stored<PodObject>;

const reason = whyNot({ kubectl: ["1.33"] });
const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");

/** Strings that double until there is no memory left. */
const eat = `awk 'BEGIN { for (s = "x"; ; s = s s) n++ }'`;
const floodSeconds = 26;
const linesEach = 25_000;

interface Misbehaviour {
  readonly command: string;
  readonly limits?: Readonly<Record<string, string>>;
  readonly container?: object;
  readonly spec?: object;
  readonly metadata?: object;
}

const behaviours: Readonly<Record<string, Misbehaviour>> = {
  greedy: { command: `exec ${eat}`, limits: { memory: "16Mi" } },
  survivor: { command: `${eat}; echo alone; exec sleep 1000`, limits: { memory: "16Mi" } },
  // Its quota; then how long the machine is up, in seconds, and what it has used, before and after.
  busy: {
    command: isV2
      ? "cat /sys/fs/cgroup/cpu.max; u() { cut -d' ' -f1 /proc/uptime; grep usage_usec /sys/fs/cgroup/cpu.stat | cut -d' ' -f2; }; (while :; do :; done) & u; sleep 3; u"
      : "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us; u() { cut -d' ' -f1 /proc/uptime; cat /sys/fs/cgroup/cpuacct/cpuacct.usage; }; (while :; do :; done) & u; sleep 3; u",
    limits: { cpu: "200m" },
  },
  stubborn: {
    command: "trap '' TERM; while :; do sleep 0.2; done",
    spec: { terminationGracePeriodSeconds: 3 },
    metadata: { finalizers: ["example.com/look-at-it"] },
  },
  crashing: { command: "exit 5", spec: { restartPolicy: "Always" } },
  unresponsive: {
    command: "exec sleep 100000",
    container: {
      readinessProbe: { exec: { command: ["sh", "-c", "sleep 606 & sleep 607"] }, periodSeconds: 1, timeoutSeconds: 1 },
    },
  },
  unwatched: { command: "exec sleep 808", spec: { restartPolicy: "Always" } },
  flooding: {
    command: `k=0; while [ $k -lt ${floodSeconds} ]; do seq $((k * ${linesEach} + 1)) $(((k + 1) * ${linesEach})); k=$((k + 1)); sleep 1; done`,
  },
  filling: {
    command: "head -c 8m /dev/zero > /data/file; exec sleep 100000",
    container: { volumeMounts: [{ name: "data", mountPath: "/data" }] },
    spec: { volumes: [{ name: "data", emptyDir: { sizeLimit: "1Mi" } }] },
  },
  writing: { command: "head -c 8m /dev/zero > /file; exec sleep 100000", limits: { "ephemeral-storage": "2Mi" } },
  soaking: {
    command: "head -c 8m /dev/zero > /data/file && exit 1; stat -c %s /data/file",
    container: { volumeMounts: [{ name: "data", mountPath: "/data" }] },
    spec: { volumes: [{ name: "data", emptyDir: { medium: "Memory", sizeLimit: "4Mi" } }] },
  },
  prying: {
    command:
      "for f in /proc/sys/kernel/panic /proc/sysrq-trigger /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max /sys/kernel/mm/ksm/run; do test -e $f && echo 1 > $f; done; mount -t tmpfs x /mnt; exit 0",
  },
};

const podOf = (name: string, { command, limits, container, spec, metadata }: Misbehaviour) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, ...metadata },
  spec: {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 1,
    ...spec,
    containers: [
      {
        name: "main",
        image: "skiff.local/hello:1",
        imagePullPolicy: "Never",
        command: ["sh", "-c", command],
        ...(limits && { resources: { limits } }),
        ...container,
      },
    ],
  },
});

/** All at once on one node, so that each also shows that it disturbs nobody else. */
describe.skipIf(reason !== "")(`containers that misbehave${reason && ` (skipped: ${reason})`}`, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  let agentMemory: number;
  let followed: Promise<string>;

  const pod = (name: string): Promise<Pod> => kubectl.json<Pod>(["get", "pod", name]);
  const main = async (name: string) => (await pod(name)).status?.containerStatuses?.[0];
  const logs = (name: string): Promise<string> => kubectl.do(["logs", name]);
  const isIn = (name: string, phase: string): Promise<Pod> =>
    eventually(`${name} to be ${phase}`, async () => {
      const now = await pod(name);
      return now.status?.phase === phase && now;
    });
  const processes = async (): Promise<readonly { readonly pid: number; readonly command: string }[]> => {
    const lines = (await succeed(["ps", "-ww", "-eo", "pid=,args="])).trim().split("\n");
    return lines.map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().replace(/^\d+ /, "") }));
  };
  const memoryMb = async (): Promise<number> => {
    const status = await readFile(`/proc/${await cluster.pidOf("node-1")}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  };

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-misbehaving");
    await cluster.up("--nodes", "1");
    await loadHelloImage(cluster);
    kubectl = cluster.kubectl("1.33");
    const items = Object.entries(behaviours).map(([name, behaviour]) => podOf(name, behaviour));
    await kubectl.do(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    agentMemory = await memoryMb();
    await eventually("the flood to begin", async () => (await logs("flooding")) !== "");
    const { child, output } = kubectl.start(["logs", "-f", "flooding"]);
    followed = new Promise((resolve) => child.once("close", () => resolve(output.stdout)));
  });
  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  it("tells who was killed for want of memory", async () => {
    await isIn("greedy", "Failed");
    expect((await main("greedy"))?.state?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
  });

  it("kills a command with all that it began on cgroup v2, and a child alone on v1, which is no end of the container", async () => {
    if (isV2) {
      await isIn("survivor", "Failed");
      expect((await main("survivor"))?.state?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
      return;
    }
    await eventually("the survivor", async () => (await logs("survivor")).includes("alone"));
    expect(await main("survivor")).toMatchObject({ restartCount: 0, state: { running: {} } });
  });

  it("ends what has lost its monitor, says that nobody knows how, and starts it anew once", async () => {
    const { containerID = "" } = await eventually("it to run", async () => {
      const status = await main("unwatched");
      return status?.state?.running !== undefined && status;
    });
    const id = containerID.slice(containerID.indexOf("://") + 3);
    const monitor = await eventually("its only monitor", async () => {
      const found = (await processes()).filter(({ command }) => /conmon /.test(command) && command.includes(` -c ${id} `));
      return found.length === 1 && found[0];
    });
    process.kill(monitor.pid, "SIGKILL");
    const restarted = await eventually(
      "its second attempt",
      async () => {
        const status = await main("unwatched");
        return status?.restartCount === 1 && status.state?.running !== undefined && status;
      },
      60_000,
    );
    expect(restarted.lastState?.terminated).toMatchObject({ exitCode: 137, reason: "ContainerStatusUnknown" });
    expect((await processes()).filter(({ command }) => command === "sleep 808")).toHaveLength(1);
  });

  it("holds a busy container to its share of a CPU", async () => {
    await isIn("busy", "Succeeded");
    const [quota = "", ...lines] = (await logs("busy")).trim().split("\n");
    expect(quota).toBe(isV2 ? "20000 100000" : "20000");
    const [began, usedBefore, ended, usedAfter] = lines.map(Number) as [number, number, number, number];
    const share = (usedAfter - usedBefore) / (isV2 ? 1e6 : 1e9) / (ended - began);
    // A busy machine may give it less.
    expect(share).toBeGreaterThan(0.02);
    expect(share).toBeLessThan(0.32);
  });

  it("kills a process that ignores SIGTERM after its own grace, which is not upstream's usual one", async () => {
    await isIn("stubborn", "Running");
    const asked = performance.now();
    await kubectl.do(["delete", "pod", "stubborn", "--wait=false"]);
    const terminated = await eventually("its end", async () => (await main("stubborn"))?.state?.terminated);
    const took = performance.now() - asked;
    expect(terminated).toMatchObject({ exitCode: 137, reason: "Error" });
    expect(took).toBeGreaterThan(2900);
    expect(took).toBeLessThan(25_000);
    await kubectl.do(["patch", "pod", "stubborn", "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
  });

  it("holds a crashing container back longer each time", async () => {
    const told = await eventually(
      "the back-off",
      async () => {
        const status = await main("crashing");
        return status?.state?.waiting?.reason === "CrashLoopBackOff" && status.restartCount >= 2 && status;
      },
      60_000,
    );
    const { uid } = (await pod("crashing")).metadata;
    const backOff = ["10s", "20s", "40s", "1m20s", "2m40s"][told.restartCount - 1] ?? "5m0s";
    expect(told.state?.waiting?.message).toBe(
      `back-off ${backOff} restarting failed container=main pod=crashing_default(${uid})`,
    );
    expect(told.lastState?.terminated).toMatchObject({ exitCode: 5, reason: "Error" });
    expect(await kubectl.do(["get", "events"])).toMatch(/BackOff .*pod\/crashing .*Back-off restarting failed container main/);
  });

  it("ends a probe that hangs, with what it began", async () => {
    await eventually("a few probes", async () => {
      const events = await kubectl.json<{ items: { reason: string; count?: number; message: string }[] }>([
        "get",
        "events",
        "--field-selector=involvedObject.name=unresponsive,reason=Unhealthy",
      ]);
      return events.items.some(({ count = 0, message }) => count >= 3 && message.includes("timed out after 1s"));
    });
    // Those of one probe at the most, once those of the one before have been killed.
    await eventually("the probes' end", async () => {
      const { stdout } = await kubectl.try(["exec", "unresponsive", "--", "ps", "-o", "args"]);
      return (stdout.match(/^sleep 60[67]$/gm)?.length ?? 0) <= 2;
    });
    expect(await main("unresponsive")).toMatchObject({ ready: false, restartCount: 0, state: { running: {} } });
  });

  it("evicts what fills its volume or the node's disk, in upstream's words", async () => {
    const filled = await isIn("filling", "Failed");
    expect(filled.status).toMatchObject({
      reason: "Evicted",
      message: 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ',
    });
    const written = await isIn("writing", "Failed");
    expect(written.status).toMatchObject({
      reason: "Evicted",
      message: "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
    });
    await eventually("their containers' end", async () => (await main("filling"))?.state?.terminated !== undefined);
    expect(await kubectl.do(["get", "events"])).toMatch(/Warning +Evicted +pod\/filling/);
  });

  it("gives a volume in memory its size and no more", async () => {
    await isIn("soaking", "Succeeded");
    // Beside what head complains of, which may come before or after.
    expect((await logs("soaking")).trim().split("\n")).toContain(`${4 * 2 ** 20}`);
  });

  it("lets nobody write where the machine or its own limits are set", async () => {
    await isIn("prying", "Succeeded");
    const said = (await logs("prying")).trim().split("\n");
    expect(said.length).toBeGreaterThanOrEqual(4);
    for (const line of said) expect(line).toMatch(/Read-only file system|Permission denied|permission denied/);
  });

  it("bounds the processes of every pod", async () => {
    const { uid } = (await pod("unresponsive")).metadata;
    const group = podCgroups().find((path) => path.endsWith(`/pod${uid}`) && existsSync(join(path, "pids.max"))) ?? "";
    expect((await readFile(join(group, "pids.max"), "utf8")).trim()).toBe("4096");
  });

  it("rotates a flood of logs without losing a line, in no more memory", async () => {
    const lines = (await followed).trim().split("\n");
    expect(lines.length).toBe(floodSeconds * linesEach);
    expect(lines.findIndex((line, index) => line !== `${index + 1}`)).toBe(-1);
    expect((await memoryMb()) - agentMemory).toBeLessThan(60);
    const { uid } = (await pod("flooding")).metadata;
    const { stdout } = await cluster.logFiles("node-1", `default_flooding_${uid}/main`);
    expect(stdout.trim().split("\n").length).toBeGreaterThanOrEqual(2);
  });
});
