import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Deployment, Lease, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { deployments, leases, nodes, pods } from "#api/resource-type";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { microTimestamp, timestamp } from "#base/clock";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { startControlPlane, type ControlPlane } from "#cluster/control-plane";
import { memoryPki } from "#cluster/pki/pki";
import { registerHollowNode, runHollowNodes } from "./hollow-kubelet.ts";

/** Time is the test's own: nodes live as long as it renews their leases. */
describe("a node that falls silent", () => {
  let clock: FakeClock;
  let plane: ControlPlane;
  let client: ApiClient;
  let stop: AbortController;
  let kubelet: Promise<void>;
  const alive = new Set<string>();

  beforeEach(async () => {
    clock = new FakeClock();
    const shared = { clock, random: systemRandom, log: silentLogger };
    const pki = await memoryPki(clock, systemRandom);
    plane = await startControlPlane({ ...shared, storage: new MemoryStorage(shared), pki });
    client = plane.clientFor("admin", ["system:masters"]);
    stop = new AbortController();
    for (const name of ["n1", "n2", "n3"]) {
      alive.add(name);
      await registerHollowNode(client, name);
      const lease: Lease = { metadata: { namespace: "kube-node-lease", name }, spec: { holderIdentity: name } };
      await client.create(leases, lease);
    }
    kubelet = runHollowNodes(client, stop.signal, () => (pod) => (alive.has(pod.spec?.nodeName ?? "") ? "ready" : undefined));
    await pass(2);
  });
  afterEach(async () => {
    stop.abort(new Error("test over"));
    await kubelet;
    await plane.close();
  });

  /** Seconds go by; who lives says so every ten. */
  async function pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      if (second % 10 === 0) {
        for (const name of alive) {
          const patch = { spec: { renewTime: microTimestamp(clock.now()) } };
          await client.patch(leases, { namespace: "kube-node-lease", name }, { type: "merge", patch });
        }
      }
      await clock.advance(1_000);
      // What happened in that second settles: writes, watches and passes follow each other without time.
      for (let turn = 0; turn < 5; turn++) await clock.advance(0);
    }
  }
  const taintsOf = async (name: string): Promise<string[]> =>
    ((await client.get(nodes, { namespace: "", name })).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);
  const onNode = async (name: string): Promise<Stored<Pod>[]> =>
    (await client.list(pods)).items.filter(
      ({ spec, metadata }) => spec?.nodeName === name && metadata.deletionTimestamp === undefined,
    );
  const readyOf = async (name: string): Promise<string | undefined> =>
    (await client.get(nodes, { namespace: "", name })).status?.conditions?.find(({ type }) => type === "Ready")?.status;

  async function deploy(tolerationSeconds: number): Promise<void> {
    const tolerations = ["not-ready", "unreachable"].map((name) => ({
      key: `node.kubernetes.io/${name}`,
      operator: "Exists",
      effect: "NoExecute",
      tolerationSeconds,
    }));
    const deployment: Deployment = {
      metadata: { namespace: "default", name: "web" },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: { tolerations, containers: [{ name: "c", image: "v1" }] } },
      },
    };
    await client.create(deployments, deployment);
    await pass(5);
    expect((await client.get(deployments, { namespace: "default", name: "web" })).status?.readyReplicas).toBe(3);
  }

  test("is unknown after fifty seconds, and its pods run elsewhere five seconds later", async () => {
    await deploy(5);
    expect(await onNode("n1")).toHaveLength(1);
    alive.delete("n1");
    await pass(40);
    expect([await readyOf("n1"), await taintsOf("n1")]).toEqual(["True", []]);
    await pass(15);
    expect(await readyOf("n1")).toBe("Unknown");
    expect(await taintsOf("n1")).toEqual([
      "node.kubernetes.io/unreachable:NoSchedule",
      "node.kubernetes.io/unreachable:NoExecute",
    ]);
    await pass(8);
    expect(await onNode("n1")).toHaveLength(0);
    expect([...(await onNode("n2")), ...(await onNode("n3"))]).toHaveLength(3);
    expect((await client.get(deployments, { namespace: "default", name: "web" })).status?.readyReplicas).toBe(3);
  });

  test("that comes back in time keeps its pods, and is free of its taints", async () => {
    await deploy(300);
    alive.delete("n1");
    await pass(70);
    expect(await readyOf("n1")).toBe("Unknown");
    expect((await onNode("n1"))[0]?.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("False");
    alive.add("n1");
    const conditions = [
      { type: "Ready", status: "True", reason: "KubeletReady", message: "hollow", lastHeartbeatTime: timestamp(clock.now()) },
    ];
    await client.patch(
      nodes,
      { namespace: "", name: "n1" },
      { type: "strategic", patch: { status: { conditions } } },
      { subresource: "status" },
    );
    await pass(10);
    expect([await readyOf("n1"), await taintsOf("n1")]).toEqual(["True", []]);
    expect(await onNode("n1")).toHaveLength(1);
  });

  test("that is taken out of the cluster takes its pods with it", async () => {
    await deploy(300);
    alive.delete("n1");
    await client.delete(nodes, { namespace: "", name: "n1" });
    await pass(30);
    expect(await onNode("n1")).toHaveLength(1);
    await pass(20);
    expect((await client.list(pods)).items.filter(({ spec }) => spec?.nodeName === "n1")).toHaveLength(0);
    expect((await client.get(deployments, { namespace: "default", name: "web" })).status?.readyReplicas).toBe(3);
  });

  test("with all the others keeps its pods: it is rather the control plane that is cut off", async () => {
    await deploy(5);
    alive.clear();
    await pass(90);
    expect(await readyOf("n1")).toBe("Unknown");
    for (const name of ["n1", "n2", "n3"]) {
      expect(await taintsOf(name)).toEqual(["node.kubernetes.io/unreachable:NoSchedule"]);
      expect(await onNode(name)).toHaveLength(1);
    }
  });
});
