import { describe, expect, it } from "vitest";
import type { StoredPod } from "../pod-spec.ts";
import { chooseVictim, type PodUse } from "./choose-victim.ts";

const MiB = 2 ** 20;
const met = { signal: "memory.available", least: 100 * MiB, available: 50 * MiB } as const;

function use(
  name: string,
  used: number,
  more: { request?: string; priority?: number; phase?: string; deleted?: boolean } = {},
): PodUse {
  const { request, priority, phase = "Running", deleted = false } = more;
  const pod = {
    metadata: { name, uid: name, ...(deleted && { deletionTimestamp: "2026-01-01T00:00:00Z" }) },
    spec: {
      ...(priority !== undefined && { priority }),
      containers: [{ name: "main", ...(request !== undefined && { resources: { requests: { memory: request } } }) }],
    },
    status: { phase },
  } as unknown as StoredPod;
  return { pod, containers: new Map([["main", used]]), shared: 0 };
}
const chosen = (...uses: PodUse[]) => chooseVictim(met, uses)?.pod.metadata.name;

/** Upstream: pkg/kubelet/eviction, rankMemoryPressure. */
describe("who is evicted", () => {
  it("is first who uses more than was requested, whatever the priority", () => {
    expect(
      chosen(use("modest", 500 * MiB, { request: "600Mi" }), use("greedy", 20 * MiB, { request: "10Mi", priority: 1000 })),
    ).toBe("greedy");
  });

  it("is then the lowest priority", () => {
    expect(chosen(use("important", 900 * MiB, { priority: 10 }), use("other", 10 * MiB))).toBe("other");
  });

  it("is then who exceeds the request most", () => {
    expect(chosen(use("small", 30 * MiB), use("large", 300 * MiB, { request: "100Mi" }), use("middle", 100 * MiB))).toBe("large");
  });

  it("is never a critical pod, nor one that has ended or is ending", () => {
    expect(
      chosen(
        use("critical", 1, { priority: 2_000_000_000 }),
        use("over", 1, { phase: "Failed" }),
        use("leaving", 1, { deleted: true }),
      ),
    ).toBeUndefined();
  });

  it("is told why in upstream's words", () => {
    expect(chooseVictim(met, [use("p", 300 * MiB, { request: "1Mi" })])?.message).toBe(
      "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container main was using 300Mi, request is 1Mi, has larger consumption of memory. ",
    );
  });
});
