import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Pod, PodSpec } from "#api/generated/types";
import { type Stored } from "#api/object";
import { events, pods, priorityClasses } from "#api/resource-type";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { startControlPlane, type ControlPlane } from "#cluster/control-plane";
import { memoryPki } from "#cluster/pki/pki";
import { registerHollowNode, runHollowNodes } from "./hollow-kubelet.ts";

/** One hollow node with four CPUs, whose pods leave only when the test lets them. */
describe("pods that cannot be placed as things are", () => {
  let clock: FakeClock;
  let plane: ControlPlane;
  let client: ApiClient;
  let stop: AbortController;
  let kubelet: Promise<void>;

  beforeEach(async () => {
    clock = new FakeClock();
    const shared = { clock, random: systemRandom, log: silentLogger };
    const pki = await memoryPki(clock, systemRandom);
    plane = await startControlPlane({ ...shared, storage: new MemoryStorage(shared), pki });
    client = plane.clientFor("admin", ["system:masters"]);
    stop = new AbortController();
    await registerHollowNode(client, "n1");
    kubelet = runHollowNodes(client, stop.signal);
    await client.create(priorityClasses, { metadata: { name: "high" }, value: 1000 });
    await settle();
  });
  afterEach(async () => {
    stop.abort(new Error("test over"));
    await kubelet;
    await plane.close();
  });

  async function settle(): Promise<void> {
    for (let turn = 0; turn < 30; turn++) await clock.advance(10);
  }
  async function add(name: string, cpu: string, more: Partial<PodSpec> = {}, labels: Record<string, string> = {}): Promise<void> {
    const containers = [{ name: "c", image: "i", resources: { requests: { cpu } } }];
    await client.create(pods, { metadata: { namespace: "default", name, labels }, spec: { containers, ...more } });
    await settle();
  }
  const get = (name: string): Promise<Stored<Pod>> => client.get(pods, { namespace: "default", name });
  const nodeOf = async (name: string): Promise<string | undefined> => (await get(name)).spec?.nodeName;
  const hold = async (name: string, finalizers: string[]): Promise<unknown> =>
    client.patch(pods, { namespace: "default", name }, { type: "merge", patch: { metadata: { finalizers } } });
  const told = async (reason: string): Promise<string[]> =>
    (await client.list(events)).items.filter((event) => event.reason === reason).map(({ message = "" }) => message);

  test("a more important one asks another to leave, keeps the room, and takes it", async () => {
    await add("victim", "3");
    await add("bystander", "1", { priorityClassName: "high" });
    await hold("victim", ["example.com/slow"]);
    await add("preemptor", "3", { priorityClassName: "high" });

    const leaving = await get("victim");
    expect(leaving.metadata.deletionTimestamp).toBeDefined();
    expect(leaving.status?.conditions).toContainEqual(
      expect.objectContaining({
        type: "DisruptionTarget",
        status: "True",
        reason: "PreemptionByScheduler",
        message: "default-scheduler: preempting to accommodate a higher priority pod",
      }),
    );
    const waiting = await get("preemptor");
    expect([waiting.spec?.nodeName, waiting.status?.nominatedNodeName]).toEqual([undefined, "n1"]);
    expect(await told("Preempted")).toEqual([`Preempted by pod ${waiting.metadata.uid} on node n1`]);
    expect(await told("FailedScheduling")).toEqual(["0/1 nodes are available: 1 Insufficient cpu."]);

    await add("latecomer", "1");
    await hold("victim", []);
    await settle();
    expect(await nodeOf("preemptor")).toBe("n1");
    expect((await get("preemptor")).status).not.toHaveProperty("nominatedNodeName");
    expect(await nodeOf("bystander")).toBe("n1");
    expect(await nodeOf("latecomer")).toBeUndefined();
  });

  test("one that wants to be alone waits for the other to go", async () => {
    const term = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "hermit" } } };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    await add("first", "1", { affinity }, { app: "hermit" });
    await add("second", "1", { affinity }, { app: "hermit" });
    expect([await nodeOf("first"), await nodeOf("second")]).toEqual(["n1", undefined]);
    expect((await told("FailedScheduling"))[0]).toContain("1 node(s) didn't match pod anti-affinity rules");
    await client.delete(pods, { namespace: "default", name: "first" });
    await settle();
    expect(await nodeOf("second")).toBe("n1");
  });

  test("one that is held back by a gate says so, and comes when it is let go", async () => {
    await add("gated", "1", { schedulingGates: [{ name: "example.com/wait" }] });
    expect((await get("gated")).status?.conditions).toContainEqual(
      expect.objectContaining({ type: "PodScheduled", status: "False", reason: "SchedulingGated" }),
    );
    await client.patch(
      pods,
      { namespace: "default", name: "gated" },
      { type: "merge", patch: { spec: { schedulingGates: null } } },
    );
    await settle();
    expect(await nodeOf("gated")).toBe("n1");
  });
});
