import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "#base/clock";
import type { MachineCgroups } from "./cgroups.ts";
import { detectCgroups } from "./detect.ts";

const skip = process.getuid?.() !== 0 && process.env["CI"] !== "true";
const mebibyte = 1024 * 1024;

/** Of whichever version this machine has. */
describe.skipIf(skip)(skip ? "control groups (skipped: needs root)" : "control groups", () => {
  const root = `/skiff-test-${process.pid}`;
  const pod = `${root}/pods/one`;
  let cgroups: MachineCgroups;

  beforeEach(async () => {
    cgroups = await detectCgroups({ clock: systemClock });
  });
  afterEach(async () => {
    await cgroups.remove(root);
  });

  it("sets limits, raises and lowers them, and takes them away", async () => {
    const limits = { cpuShares: 512, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimitBytes: 64 * mebibyte, pidsLimit: 20 };
    await cgroups.ensure(pod, limits);
    expect(await readLimits(cgroups.version, pod)).toEqual({ cpu: "50000", memory: String(64 * mebibyte), pids: "20" });
    await cgroups.ensure(pod, { ...limits, memoryLimitBytes: 32 * mebibyte, pidsLimit: 10 });
    expect(await readLimits(cgroups.version, pod)).toEqual({ cpu: "50000", memory: String(32 * mebibyte), pids: "10" });
    await cgroups.ensure(pod, { ...limits, memoryLimitBytes: 128 * mebibyte });
    expect(await readLimits(cgroups.version, pod)).toEqual({ cpu: "50000", memory: String(128 * mebibyte), pids: "20" });
    await cgroups.ensure(pod, {});
    expect(await readLimits(cgroups.version, pod)).toMatchObject({ cpu: cgroups.version === 1 ? "-1" : "max", pids: "max" });
  });

  it("takes a process and its children in, tells what they use, and kills and removes all of it", async () => {
    await cgroups.ensure(pod, {});
    const shell = spawn("sh", ["-c", "read go; sleep 1000 & sleep 1000 & wait"], { stdio: ["pipe", "ignore", "ignore"] });
    onTestFinished(() => void shell.kill("SIGKILL"));
    const ended = once(shell, "close");
    await cgroups.enter(pod, shell.pid!);
    shell.stdin.write("go\n");
    await expect.poll(() => processesIn(cgroups.version, pod)).toHaveLength(3);
    expect(await cgroups.children(root)).toEqual(["pods"]);
    expect((await cgroups.usage(pod))?.workingSetBytes).toBeGreaterThan(0);
    expect(await cgroups.oomKills(pod)).toBe(0);
    await cgroups.kill(root);
    await ended;
    await cgroups.remove(root);
    expect(existsSync(folderOf(cgroups.version, root))).toBe(false);
    expect(await cgroups.usage(pod)).toBeUndefined();
    await cgroups.remove(root);
  });
});

function folderOf(version: 1 | 2, path: string, controller = "pids"): string {
  return join("/sys/fs/cgroup", version === 1 ? controller : "", path);
}

async function processesIn(version: 1 | 2, path: string): Promise<readonly string[]> {
  return (await readFile(join(folderOf(version, path), "cgroup.procs"), "utf8")).split("\n").filter((line) => line !== "");
}

async function readLimits(version: 1 | 2, path: string): Promise<{ cpu: string; memory: string; pids: string }> {
  const read = async (controller: string, file: string): Promise<string> =>
    (await readFile(join(folderOf(version, path, controller), file), "utf8")).trim().split(" ")[0] ?? "";
  return {
    cpu: await read("cpu", version === 1 ? "cpu.cfs_quota_us" : "cpu.max"),
    memory: await read("memory", version === 1 ? "memory.limit_in_bytes" : "memory.max"),
    pids: await read("pids", "pids.max"),
  };
}
