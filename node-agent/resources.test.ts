import { describe, expect, it } from "vitest";
import type { Container, Pod } from "#api/generated/types";
import { afterRestart, durationText, mayRestartAt } from "./restart-backoff.ts";
import { containerResources, oomScoreAdj, podCgroup, podResources } from "./resources.ts";

const gigabyte = 2 ** 30;
const main: Container = { name: "main" };
const pod = (containers: Container[], qosClass = "Burstable"): Pod & { metadata: { uid: string } } => ({
  metadata: { uid: "u1" },
  spec: { containers },
  status: { qosClass },
});

describe("a container's limits", () => {
  // Upstream: cm.MilliCPUToShares and MilliCPUToQuota.
  it.each([
    [{}, { cpuShares: 2 }],
    [{ requests: { cpu: "100m" } }, { cpuShares: 102 }],
    [{ requests: { cpu: "1" } }, { cpuShares: 1024 }],
    [{ limits: { cpu: "500m" } }, { cpuShares: 512, cpuQuota: 50_000, cpuPeriod: 100_000 }],
    [{ limits: { cpu: "1m" } }, { cpuShares: 2, cpuQuota: 1000, cpuPeriod: 100_000 }],
    [
      { requests: { cpu: "0" }, limits: { cpu: "1" } },
      { cpuShares: 2, cpuQuota: 100_000, cpuPeriod: 100_000 },
    ],
    [{ limits: { memory: "64Mi" } }, { cpuShares: 2, memoryLimitBytes: 64 * 2 ** 20 }],
  ])("%j become %j", (resources, expected) => {
    expect(containerResources(pod([main]), { ...main, resources }, gigabyte)).toEqual({
      ...expected,
      oomScoreAdj: expect.any(Number) as number,
    });
  });

  it.each([
    ["Guaranteed", "1Gi", -997],
    ["BestEffort", undefined, 1000],
    ["Burstable", "512Mi", 500],
    ["Burstable", undefined, 999],
    ["Burstable", "2Gi", 3],
  ])("of a %s pod with %s of one gigabyte mean an oom_score_adj of %d", (qosClass, memory, expected) => {
    const container = { ...main, ...(memory !== undefined && { resources: { requests: { memory } } }) };
    expect(oomScoreAdj(pod([container], qosClass), container, gigabyte)).toBe(expected);
  });
});

describe("a pod's cgroup", () => {
  it.each([
    ["Guaranteed", "/skiff/kubepods/podu1"],
    ["Burstable", "/skiff/kubepods/burstable/podu1"],
    ["BestEffort", "/skiff/kubepods/besteffort/podu1"],
  ])("of class %s is %s", (qosClass, expected) => {
    expect(podCgroup("/skiff", pod([main], qosClass))).toBe(expected);
  });

  it("is limited only where every container is", () => {
    const limited = { ...main, resources: { requests: { cpu: "500m" }, limits: { cpu: "1", memory: "64Mi" } } };
    expect(podResources(pod([limited, limited]))).toEqual({
      cpuShares: 1024,
      cpuQuota: 200_000,
      cpuPeriod: 100_000,
      memoryLimitBytes: 128 * 2 ** 20,
    });
    expect(podResources(pod([limited, main]))).toEqual({ cpuShares: 512 });
  });
});

describe("the restart back-off", () => {
  it("is none the first time, then doubles from 10 s to 5 minutes", () => {
    let backoff = undefined as ReturnType<typeof afterRestart> | undefined;
    let now = 0;
    const waited: string[] = [];
    for (let restart = 0; restart < 8; restart++) {
      const finishedAt = now + 1000;
      const at = mayRestartAt(backoff, finishedAt);
      waited.push(durationText(at - finishedAt));
      backoff = afterRestart(backoff, finishedAt, at);
      now = at;
    }
    expect(waited).toEqual(["0s", "10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"]);
    expect(mayRestartAt(backoff, now + 601_000)).toBe(now + 601_000);
  });
});
