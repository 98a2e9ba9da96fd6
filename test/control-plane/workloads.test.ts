import type { ConfigMap, Deployment, Pod } from "#api/generated/types";
import { controllerOf, type KubeObject, type Stored } from "#api/object";
import {
  configMaps,
  deployments,
  events,
  namespaces,
  pods,
  replicaSets,
  type ResourceType,
  serviceAccounts,
} from "#api/resource-type";
import { hasReason } from "#api/status";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { type ControlPlane, startControlPlane } from "#cluster/control-plane";
import { memoryPki, type Pki } from "#cluster/pki/pki";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Behaviour, registerHollowNode, runHollowNodes } from "./hollow-kubelet.ts";

let pki: Pki;
let plane: ControlPlane;
let client: ApiClient;
let stop: AbortController;
let kubelet: Promise<void>;
let behaviour: Behaviour;

beforeEach(async () => {
  const shared = { clock: systemClock, random: systemRandom, log: silentLogger };
  pki = await memoryPki(systemClock, systemRandom);
  plane = await startControlPlane({ ...shared, storage: new MemoryStorage(shared), pki });
  client = plane.clientFor("admin", ["system:masters"]);
  stop = new AbortController();
  behaviour = () => "ready";
  for (const name of ["n1", "n2", "n3"]) await registerHollowNode(client, name);
  kubelet = runHollowNodes(client, stop.signal, () => behaviour);
});
afterEach(async () => {
  stop.abort(new Error("test over"));
  await kubelet;
  await plane.close();
});

const key = { namespace: "default", name: "web" };

function deployment(spec: Partial<Deployment["spec"]> = {}): Deployment {
  return {
    metadata: key,
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "v1" }] } },
      ...spec,
    },
  };
}

async function eventually<T>(look: () => Promise<T | undefined>, what: string): Promise<T> {
  for (let attempt = 0; attempt < 3_000; attempt++) {
    const found = await look();
    if (found !== undefined) return found;
    await systemClock.sleep(10);
  }
  throw new Error(`never seen: ${what}`);
}

function rolledOut(generation?: number): Promise<Stored<Deployment>> {
  return eventually(async () => {
    const found = await client.get(deployments, key);
    const { replicas = 0, updatedReplicas, availableReplicas, observedGeneration = 0 } = found.status ?? {};
    const wanted = found.spec?.replicas ?? 0;
    const done = replicas === wanted && (updatedReplicas ?? 0) === wanted && (availableReplicas ?? 0) === wanted;
    return done && observedGeneration >= (generation ?? found.metadata.generation ?? 0) ? found : undefined;
  }, "the rollout's end");
}

async function setImage(image: string): Promise<Stored<Deployment>> {
  const patch = { spec: { template: { spec: { containers: [{ name: "c", image }] } } } };
  return client.patch(deployments, key, { type: "strategic", patch });
}

function gone(type: ResourceType, name: string, namespace = "default"): Promise<true> {
  return eventually(async () => {
    try {
      await client.get(type, { namespace, name });
      return undefined;
    } catch (error) {
      if (hasReason(error, "NotFound")) return true as const;
      throw error;
    }
  }, `the end of ${name}`);
}

async function ownPods(): Promise<readonly Stored<Pod>[]> {
  return (await client.list(pods, { namespace: "default" })).items;
}

describe("a Deployment", () => {
  test("becomes pods on different nodes, and says so", async () => {
    await client.create(deployments, deployment());
    const done = await rolledOut();
    expect(done.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("1");
    expect(done.status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason ?? ""}`).toSorted()).toEqual([
      "Available True MinimumReplicasAvailable",
      "Progressing True NewReplicaSetAvailable",
    ]);
    const running = await ownPods();
    expect(running.map(({ spec }) => spec?.nodeName).toSorted()).toEqual(["n1", "n2", "n3"]);
    const [set] = (await client.list(replicaSets)).items;
    expect(running.every((pod) => controllerOf(pod)?.uid === set?.metadata.uid)).toBe(true);
    const told = await eventually(async () => {
      const reasons = (await client.list(events)).items.map(({ reason = "", message = "" }) => `${reason}: ${message}`);
      return reasons.length >= 7 ? reasons : undefined;
    }, "the events");
    expect(told).toContain(`ScalingReplicaSet: Scaled up replica set ${set?.metadata.name ?? ""} from 0 to 3`);
    expect(told.filter((text) => text.startsWith("SuccessfulCreate: Created pod: web-"))).toHaveLength(3);
    expect(told.filter((text) => /^Scheduled: Successfully assigned default\/web-.* to n[123]$/.test(text))).toHaveLength(3);
  });

  test("rolls to a new image without ever having too few or too many pods, and back again", async () => {
    await client.create(deployments, deployment());
    await rolledOut();
    const seen: { total: number; ready: number }[] = [];
    const abort = new AbortController();
    const watching = (async () => {
      const { metadata } = await client.list(pods);
      const live = new Map((await ownPods()).map((pod) => [pod.metadata.uid, pod]));
      for await (const event of client.watch(pods, { resourceVersion: metadata.resourceVersion ?? "", signal: abort.signal })) {
        if (event.type === "BOOKMARK") continue;
        if (event.type === "DELETED" || event.object.metadata.deletionTimestamp !== undefined)
          live.delete(event.object.metadata.uid);
        else live.set(event.object.metadata.uid, event.object);
        const isReady = (pod: Pod) => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
        seen.push({ total: live.size, ready: [...live.values()].filter(isReady).length });
      }
    })().catch(() => undefined);
    const { metadata } = await setImage("v2");
    await rolledOut(metadata.generation);
    abort.abort(new Error("enough"));
    await watching;
    expect(Math.max(...seen.map(({ total }) => total))).toBe(4);
    expect(Math.min(...seen.map(({ ready }) => ready))).toBe(3);
    const back = await setImage("v1");
    const done = await rolledOut(back.metadata.generation);
    expect(done.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("3");
    const sets = (await client.list(replicaSets)).items;
    expect(sets.map((set) => set.metadata.annotations?.["deployment.kubernetes.io/revision"]).toSorted()).toEqual(["2", "3"]);
    expect(
      sets.find((set) => set.spec?.replicas === 3)?.metadata.annotations?.["deployment.kubernetes.io/revision-history"],
    ).toBe("1");
  });

  test("comes to rest: nothing is written any more when everything is as it should be", async () => {
    await client.create(deployments, deployment());
    await rolledOut();
    const revision = async () => (await client.list(configMaps)).metadata.resourceVersion;
    const rested = await eventually(async () => {
      const before = await revision();
      await systemClock.sleep(500);
      return (await revision()) === before ? before : undefined;
    }, "rest");
    expect(rested).toBeDefined();
  });

  test("is scaled, paused and resumed", async () => {
    await client.create(deployments, deployment());
    await rolledOut();
    await client.patch(deployments, key, { type: "merge", patch: { spec: { replicas: 5, paused: true } } });
    await rolledOut();
    await setImage("v2");
    await systemClock.sleep(200);
    expect((await client.list(replicaSets)).items).toHaveLength(1);
    const resumed = await client.patch(deployments, key, { type: "merge", patch: { spec: { paused: false } } });
    await rolledOut(resumed.metadata.generation);
    expect((await ownPods()).map(({ spec }) => spec?.containers[0]?.image)).toEqual(Array(5).fill("v2"));
  });

  test("that is stuck says so after its deadline, and no working pod is lost", async () => {
    await client.create(deployments, deployment({ progressDeadlineSeconds: 1 }));
    await rolledOut();
    behaviour = (pod) => (pod.spec?.containers[0]?.image === "broken" ? "running" : "ready");
    await setImage("broken");
    const stuck = await eventually(async () => {
      const { status } = await client.get(deployments, key);
      return status?.conditions?.find(({ reason }) => reason === "ProgressDeadlineExceeded");
    }, "ProgressDeadlineExceeded");
    expect(stuck.message).toMatch(/^ReplicaSet "web-[a-z0-9]+" has timed out progressing\.$/);
    expect((await client.get(deployments, key)).status?.availableReplicas).toBe(3);
  });

  test("replaces everything at once with Recreate, never running old and new together", async () => {
    await client.create(deployments, deployment({ strategy: { type: "Recreate" } }));
    await rolledOut();
    const abort = new AbortController();
    const { metadata } = await client.list(pods);
    const images: Set<string>[] = [];
    const live = new Map((await ownPods()).map((pod) => [pod.metadata.uid, pod.spec?.containers[0]?.image ?? ""]));
    const watching = (async () => {
      for await (const event of client.watch(pods, { resourceVersion: metadata.resourceVersion ?? "", signal: abort.signal })) {
        if (event.type === "BOOKMARK") continue;
        if (event.type === "DELETED") live.delete(event.object.metadata.uid);
        else live.set(event.object.metadata.uid, event.object.spec?.containers[0]?.image ?? "");
        images.push(new Set(live.values()));
      }
    })().catch(() => undefined);
    const patched = await setImage("v2");
    await rolledOut(patched.metadata.generation);
    abort.abort(new Error("enough"));
    await watching;
    expect(images.every((together) => together.size <= 1)).toBe(true);
  });
});

describe("pods", () => {
  test("that are deleted are replaced, one for one", async () => {
    await client.create(deployments, deployment());
    await rolledOut();
    const [victim] = await ownPods();
    await client.delete(pods, { namespace: "default", name: victim!.metadata.name });
    await gone(pods, victim!.metadata.name);
    await rolledOut();
    expect(await ownPods()).toHaveLength(3);
  });

  test("that match are adopted, and released when their label changes", async () => {
    await client.create(deployments, deployment());
    await rolledOut();
    const [pod] = await ownPods();
    const where = { namespace: "default", name: pod!.metadata.name };
    await client.patch(pods, where, { type: "merge", patch: { metadata: { labels: { app: "debug" } } } });
    await eventually(async () => (controllerOf(await client.get(pods, where)) === undefined ? true : undefined), "the release");
    await eventually(async () => ((await ownPods()).length === 4 ? true : undefined), "its replacement");
    await client.patch(pods, where, { type: "merge", patch: { metadata: { labels: { app: "web" } } } });
    await eventually(async () => ((await ownPods()).length === 3 ? true : undefined), "the surplus gone");
  });

  test("that fit nowhere say why, and are scheduled once they do", async () => {
    const spec = { nodeSelector: { disk: "ssd" }, containers: [{ name: "c", image: "v1" }] };
    await client.create(pods, { metadata: key, spec });
    const condition = await eventually(async () => {
      const { status } = await client.get(pods, key);
      return status?.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
    }, "PodScheduled=False");
    expect(condition.reason).toBe("Unschedulable");
    expect(condition.message).toMatch(/^0\/3 nodes are available: 3 node\(s\) didn't match Pod's node affinity\/selector\. /);
    const patch = { metadata: { labels: { disk: "ssd" } } };
    await client.patch(
      { group: "", version: "v1", resource: "nodes", kind: "Node", namespaced: false },
      { namespace: "", name: "n2" },
      { type: "merge", patch },
    );
    const bound = await eventually(async () => {
      const { spec: now } = await client.get(pods, key);
      return now?.nodeName;
    }, "the binding");
    expect(bound).toBe("n2");
  });
});

describe("garbage", () => {
  test("of a deleted Deployment is collected in the background", async () => {
    await client.create(deployments, deployment());
    await rolledOut();
    await client.delete(deployments, key, { propagationPolicy: "Background" });
    await eventually(async () => ((await ownPods()).length === 0 ? true : undefined), "the last pod's end");
    expect((await client.list(replicaSets)).items).toHaveLength(0);
  });

  test("goes before its owner in the foreground", async () => {
    await client.create(deployments, deployment());
    await rolledOut();
    await client.delete(deployments, key, { propagationPolicy: "Foreground" });
    expect((await client.get(deployments, key)).metadata.finalizers).toContain("foregroundDeletion");
    await gone(deployments, "web");
    expect(await ownPods()).toHaveLength(0);
    expect((await client.list(replicaSets)).items).toHaveLength(0);
  });

  test("stays when it is orphaned, and knows its owner no more", async () => {
    await client.create(deployments, deployment());
    await rolledOut();
    await client.delete(deployments, key, { propagationPolicy: "Orphan" });
    await gone(deployments, "web");
    const [set] = (await client.list(replicaSets)).items;
    expect(set?.metadata.ownerReferences ?? []).toEqual([]);
    expect(await ownPods()).toHaveLength(3);
  });

  test("whose owner was never there is collected", async () => {
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "ghost", uid: "00000000-0000-4000-8000-000000000000" };
    const object: ConfigMap = { metadata: { namespace: "default", name: "orphan", ownerReferences: [owner] } };
    await client.create(configMaps, object);
    await gone(configMaps, "orphan");
  });
});

describe("a namespace", () => {
  const space: KubeObject = { metadata: { name: "team" } };

  test("gets its ServiceAccount and root CA, and gets them back", async () => {
    await client.create(namespaces, space);
    const find = <T extends KubeObject>(type: ResourceType<T>, name: string) =>
      eventually(() => client.get(type, { namespace: "team", name }).catch(() => undefined), name);
    const account = await find(serviceAccounts, "default");
    expect((await find(configMaps, "kube-root-ca.crt")).data).toEqual({ "ca.crt": pki.ca });
    await client.patch(
      configMaps,
      { namespace: "team", name: "kube-root-ca.crt" },
      { type: "merge", patch: { data: { "ca.crt": "forged" } } },
    );
    await eventually(async () => {
      const { data } = await client.get(configMaps, { namespace: "team", name: "kube-root-ca.crt" });
      return data?.["ca.crt"] === pki.ca ? true : undefined;
    }, "the true CA");
    await client.delete(serviceAccounts, { namespace: "team", name: "default" });
    await eventually(async () => {
      const found = await find(serviceAccounts, "default");
      return found.metadata.uid === account.metadata.uid ? undefined : true;
    }, "a new ServiceAccount");
  });

  test("that is deleted is emptied, pods first, and then gone", async () => {
    await client.create(namespaces, space);
    await client.create(deployments, { ...deployment(), metadata: { namespace: "team", name: "web" } });
    await eventually(
      async () => ((await client.list(pods, { namespace: "team" })).items.length === 3 ? true : undefined),
      "its pods",
    );
    await client.delete(namespaces, { namespace: "", name: "team" });
    await gone(namespaces, "team", "");
    for (const type of [pods, deployments, replicaSets, configMaps, serviceAccounts]) {
      expect((await client.list<KubeObject>(type, { namespace: "team" })).items).toEqual([]);
    }
  });
});
