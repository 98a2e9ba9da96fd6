import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { identifyProcess, isAlive } from "#node-agent/runtime/process-table";
import { runChecked, runCommand } from "#node-agent/runtime/run-command";
import type { ContainerConfig } from "#node-agent/runtime/runtime";
import { openRuntimeInANode } from "#node-agent/runtime/runtime-in-a-node";
import { spawnDetached } from "../processes/spawn-detached.ts";
import { LocalNodes } from "./local-nodes.ts";
import { missingTools } from "./missing-tools.ts";
import { enterNode } from "./namespaces.ts";

const missing = [
  ...missingTools({ path: process.env["PATH"] ?? "" }).map(({ tool }) => tool),
  ...(existsSync("/usr/bin/busybox") ? [] : ["busybox"]),
];
const reason = process.getuid?.() !== 0 ? "needs root" : missing.length > 0 ? `needs ${missing.join(", ")}` : undefined;
const skip = reason !== undefined && process.env["CI"] !== "true";

describe.skipIf(skip)(skip ? `local nodes (skipped: ${reason})` : "local nodes", () => {
  let folder: string;
  let before: MachineState;
  let opened: LocalNodes[] = [];
  let cleanups: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    before = await machineState();
    folder = await mkdtemp(join(tmpdir(), "skiff-nodes-"));
    opened = [];
    cleanups = [];
  });
  afterEach(async () => {
    for (const nodes of opened) await nodes.teardown();
    for (const cleanup of cleanups) await cleanup();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(cluster: string): Promise<LocalNodes> {
    const nodes = await LocalNodes.open({
      clock: systemClock,
      log: silentLogger,
      stateDirectory: join(folder, cluster),
      machineDirectory: join(folder, "machine"),
    });
    opened.push(nodes);
    return nodes;
  }

  /** A pod that answers over HTTP with its name. */
  async function runPod(nodes: LocalNodes, nodeName: string) {
    const node = nodes.list().find(({ name }) => name === nodeName)!;
    const { podRange, cgroup } = node;
    const inside = await openRuntimeInANode("/usr/bin/crun", { enter: enterNode(node.namespaces), podRange, cgroup });
    cleanups.push(() => inside.close());
    const sandbox = await inside.runtime.runPodSandbox({
      podUid: `pod-on-${nodeName}`,
      podNamespace: "default",
      podName: nodeName,
      attempt: 0,
      hostname: nodeName,
      hostNetwork: false,
      cgroupParent: `${cgroup}/pod-on-${nodeName}`,
      logDirectory: join(inside.folder, "logs"),
    });
    const id = await inside.runtime.createContainer(sandbox.id, containerConfig(inside.image.id));
    await inside.runtime.startContainer(id);
    const fetchFromPod = async (url: string) =>
      (await inside.runtime.exec(id, ["wget", "-qO-", url], { timeoutMs: 60_000 })).stdout;
    return {
      ip: sandbox.ip,
      fetchFromPod,
      process: (await identifyProcess((await inside.runtime.list()).containers.find((container) => container.id === id)!.pid!))!,
    };
  }

  it("lets pods of two nodes, and the host, reach each other, and leaves the machine as it was", async () => {
    const nodes = await open("one");
    const [first, second] = [await nodes.ensure("node-1"), await nodes.ensure("node-2")];
    expect(first.podRange).not.toBe(second.podRange);
    const [one, two] = [await runPod(nodes, "node-1"), await runPod(nodes, "node-2")];
    await untilAnswers(`http://${one.ip}:8080/`);
    await untilAnswers(`http://${two.ip}:8080/`);
    expect(await (await fetch(`http://${one.ip}:8080/`)).text()).toBe("node-1\n");
    expect(await one.fetchFromPod(`http://${two.ip}:8080/`)).toBe("node-2\n");
    expect(await two.fetchFromPod(`http://${one.ip}:8080/`)).toBe("node-1\n");
    expect(await one.fetchFromPod(`http://${one.ip}:8080/`)).toBe("node-1\n");

    const agent = await spawnDetached([...enterNode(first.namespaces), "sleep", "1000"], join(folder, "agent.log"));
    await nodes.teardown();
    await nodes.teardown();
    expect(await isAlive(agent!)).toBe(false);
    for (const pod of [one, two]) expect(await isAlive(pod.process)).toBe(false);
    for (const cleanup of cleanups.splice(0)) await cleanup();
    expect(await machineState()).toEqual(before);
    expect(existsSync(join(folder, "machine/forwarding"))).toBe(false);
  });

  it("keeps two clusters apart and forwarding on until the last is gone", async () => {
    const [a, b] = [await open("a"), await open("b")];
    const [planA, planB] = await Promise.all([a.prepare(), b.prepare()]);
    expect(planA.bridge).not.toBe(planB.bridge);
    expect(planA.podRange).not.toBe(planB.podRange);
    await Promise.all([a.ensure("node-1"), b.ensure("node-1")]);
    expect(await forwarding()).toBe("1");
    await a.teardown();
    expect(await forwarding()).toBe("1");
    const ping = await runCommand([...enterNode(b.list()[0]!.namespaces), "ip", "route", "get", planB.hostAddress]);
    expect(ping.exitCode).toBe(0);
    await b.teardown();
    expect(await machineState()).toEqual(before);
  });

  it("finishes what another process began, and changes nothing when all is made", async () => {
    const first = await open("one");
    await first.ensure("node-1");
    await runChecked(["ip", "link", "delete", `${(await first.prepare()).bridge}n1`]);
    const again = await open("one");
    const node = await again.ensure("node-1");
    expect(node).toEqual(first.list()[0]);
    const made = await machineState();
    await again.ensure("node-1");
    expect(await machineState()).toEqual(made);
    expect((await runCommand([...enterNode(node.namespaces), "ip", "route"])).stdout).toContain("default via");
    await again.teardown();
    expect(await machineState()).toEqual(before);
  });

  it("starts processes in a node that see its network and outlive their parent", async () => {
    const nodes = await open("one");
    const node = await nodes.ensure("node-1");
    const outputFile = join(folder, "out.log");
    const script = "ip -4 -brief address show eth0; pwd; grep -c unified /proc/self/mountinfo; echo done; exec sleep 1000";
    const agent = await spawnDetached([...enterNode(node.namespaces), "sh", "-c", script], outputFile);
    await expect.poll(() => readFile(outputFile, "utf8")).toContain("done\n");
    const output = await readFile(outputFile, "utf8");
    expect(output).toContain(`${node.address}/24`);
    expect(output).toContain("\n/\n");
    expect(await isAlive(agent!)).toBe(true);
    await nodes.teardown();
    expect(await isAlive(agent!)).toBe(false);
  });

  it("lets traffic through where another firewall drops what it does not know, and takes its rules back", async () => {
    await runChecked(["nft", "-f", "-"], {
      input: "table ip skifftest { chain forward { type filter hook forward priority 0; policy drop; }; }",
    });
    cleanups.push(async () => {
      await runCommand(["nft", "delete", "table", "ip", "skifftest"]);
    });
    const nodes = await open("one");
    const { bridge } = await nodes.prepare();
    await nodes.prepare();
    const rules = await runChecked(["nft", "list", "chain", "ip", "skifftest", "forward"]);
    expect(rules.match(new RegExp(`${bridge}" accept`, "g"))).toHaveLength(2);
    await nodes.teardown();
    expect(await runChecked(["nft", "list", "chain", "ip", "skifftest", "forward"])).not.toContain(bridge);
  });
});

interface MachineState {
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly routes: string;
  readonly rules: string;
  readonly cgroups: readonly string[];
  readonly forwarding: string;
}

async function machineState(): Promise<MachineState> {
  const mountinfo = await readFile("/proc/self/mountinfo", "utf8");
  const controllers = await readdir("/sys/fs/cgroup");
  const groups = await Promise.all(controllers.map((name) => readdir(join("/sys/fs/cgroup", name)).catch(() => [])));
  return {
    mounts: mountinfo
      .split("\n")
      .map((line) => line.split(" ").slice(3, 5).join(" "))
      .filter((line) => line.includes("skiff")),
    links: (await runChecked(["ip", "-brief", "link"])).split("\n").map((line) => line.split(" ")[0] ?? ""),
    routes: await runChecked(["ip", "route"]),
    rules: await runChecked(["nft", "list", "ruleset"]),
    // v1's are below each controller, v2's at the top.
    cgroups: [...controllers, ...groups.flat()].filter((name) => name.startsWith("skiff-")).sort(),
    forwarding: await forwarding(),
  };
}

async function forwarding(): Promise<string> {
  return (await readFile("/proc/sys/net/ipv4/ip_forward", "utf8")).trim();
}

async function untilAnswers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await systemClock.sleep(50);
  }
  throw new Error(`${url} does not answer`);
}

function containerConfig(imageId: string): ContainerConfig {
  return {
    name: "main",
    attempt: 0,
    imageId,
    image: "busybox",
    command: ["sh", "-c", "mkdir -p /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"],
    env: [],
    mounts: [],
    logPath: "main/0.log",
    resources: {},
    security: {
      privileged: false,
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: true,
      addCapabilities: [],
      dropCapabilities: [],
    },
    tty: false,
  };
}
