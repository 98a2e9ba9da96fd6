import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Pod } from "#api/generated/types";
import { nodes, pods } from "#api/resource-type";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { startControlPlane, type ControlPlane } from "#cluster/control-plane";
import { memoryPki } from "#cluster/pki/pki";
import { registerHollowNode } from "./hollow-kubelet.ts";

const shared = { clock: systemClock, random: systemRandom, log: silentLogger };

describe("a node that is not fit for pods", () => {
  let plane: ControlPlane;
  let admin: ApiClient;

  beforeEach(async () => {
    const pki = await memoryPki(systemClock, systemRandom);
    plane = await startControlPlane({ ...shared, storage: new MemoryStorage(shared), pki });
    admin = plane.clientFor("admin", ["system:masters"]);
    await registerHollowNode(admin, "n1");
  });
  afterEach(() => plane.close());

  async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
    for (let attempt = 0; attempt < 3_000; attempt++) {
      if (await holds()) return;
      await systemClock.sleep(10);
    }
    throw new Error(`never seen: ${what}`);
  }
  const key = { namespace: "", name: "n1" };
  const taints = async (): Promise<readonly string[]> =>
    ((await admin.get(nodes, key)).spec?.taints ?? []).map((taint) => `${taint.key}:${taint.effect}`);
  const hasTaints = (...expected: string[]): Promise<void> =>
    eventually(async () => JSON.stringify(await taints()) === JSON.stringify(expected), expected.join() || "no taints");
  const setCondition = async (type: string, status: string): Promise<void> => {
    const patch = { status: { conditions: [{ type, status, reason: "Test", message: "" }] } };
    await admin.patch(nodes, key, { type: "strategic", patch }, { subresource: "status" });
  };
  const addPod = async (name: string): Promise<void> => {
    const spec = { containers: [{ name: "c", image: "i" }] };
    await admin.create<Pod>(pods, { metadata: { namespace: "default", name }, spec });
  };
  const isPlaced = async (name: string): Promise<boolean> =>
    ((await admin.get(pods, { namespace: "default", name })).spec?.nodeName ?? "") !== "";

  test("is kept free while its conditions say so, and takes what waited afterwards", async () => {
    await hasTaints();
    await setCondition("Ready", "False");
    await hasTaints("node.kubernetes.io/not-ready:NoSchedule");
    await addPod("waits");
    await systemClock.sleep(100);
    expect(await isPlaced("waits")).toBe(false);
    await setCondition("Ready", "True");
    await hasTaints();
    await eventually(() => isPlaced("waits"), "the pod on its node");
  });

  test("says that it is cordoned", async () => {
    await hasTaints();
    await admin.patch(nodes, key, { type: "merge", patch: { spec: { unschedulable: true } } });
    await hasTaints("node.kubernetes.io/unschedulable:NoSchedule");
    await admin.patch(nodes, key, { type: "merge", patch: { spec: { unschedulable: null } } });
    await hasTaints();
  });
});
