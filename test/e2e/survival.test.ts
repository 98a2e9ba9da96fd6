import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { configMaps } from "#api/resource-type";
import type { ApiClient } from "#client/api-client";
import { httpTransport } from "#client/http-transport";
import { readKubeconfig } from "#client/kubeconfig";
import { createClient } from "#client/transport-client";
import { helloDeployment, loadHelloImage } from "./hello-image.ts";
import { whyNot } from "./requirements.ts";
import { eventually } from "./run.ts";
import { isReady, TestCluster, type Kubectl, type TestPod } from "./test-cluster.ts";

const reason = whyNot({ kubectl: ["1.33"] });

/** Components die the hard way while people use the cluster; nothing of theirs is lost. */
describe.skipIf(reason !== "")(`a cluster whose parts are killed${reason && ` (skipped: ${reason})`}`, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;

  const ready = (app: string, count: number): Promise<readonly TestPod[]> =>
    eventually(`${count} ready pods of ${app}`, async () => {
      const pods = await kubectl.pods(`app=${app}`);
      return pods.length === count && pods.every(isReady) && pods;
    });
  const containers = (pods: readonly TestPod[]): unknown =>
    pods
      .map((pod) => ({
        uid: pod.metadata.uid,
        id: pod.status.containerStatuses?.[0]?.containerID,
        restarts: pod.status.containerStatuses?.[0]?.restartCount,
      }))
      .sort((left, right) => (left.uid < right.uid ? -1 : 1));

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-survival");
    await cluster.up();
    kubectl = cluster.kubectl("1.33");
    await loadHelloImage(cluster);
    await kubectl.do(["apply", "-f", "-"], helloDeployment("steady", 3));
    await ready("steady", 3);
  });

  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  it("keeps containers serving while a node's agent is dead, and adopts them afterwards", async () => {
    const pods = await ready("steady", 3);
    const serving = ask(pods);
    const pid = await cluster.pidOf("node-2");
    process.kill(pid, "SIGKILL");
    await eventually("the agent to be gone", async () => (await cluster.skiff(["status"])).stdout.includes("not running"));
    await cluster.up();
    expect(await cluster.pidOf("node-2")).not.toBe(pid);
    expect(containers(await ready("steady", 3))).toEqual(containers(pods));
    const { asked, failures } = await serving.stop();
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(10);
  });

  it("finishes a rollout in whose middle the control plane was killed, and has every write it acknowledged", async () => {
    const pods = await ready("steady", 3);
    await kubectl.do(["apply", "-f", "-"], helloDeployment("rolling", 4));
    await ready("rolling", 4);
    const serving = ask(pods);
    const writer = write(createClient(httpTransport(readKubeconfig(cluster.kubeconfig))));
    await kubectl.do(["set", "env", "deployment/rolling", "VERSION=2"]);
    await eventually("the rollout to be half way", async () => {
      const now = await kubectl.json<{ status: { updatedReplicas?: number } }>(["get", "deployment", "rolling"]);
      return (now.status.updatedReplicas ?? 0) >= 1;
    });
    process.kill(await cluster.pidOf("control-plane"), "SIGKILL");
    const acknowledged = await writer.ended;
    await cluster.up();
    await kubectl.do(["rollout", "status", "deployment/rolling", "--timeout=60s"]);
    const { items } = await kubectl.json<{ items: { metadata: { name: string } }[] }>([
      "get",
      "configmaps",
      "-l",
      "written=here",
    ]);
    const stored = new Set(items.map(({ metadata }) => metadata.name));
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(acknowledged.filter((name) => !stored.has(name))).toEqual([]);
    expect(containers(await ready("steady", 3))).toEqual(containers(pods));
    expect((await serving.stop()).failures).toEqual([]);
  });

  it("starts its pods again after down and up", async () => {
    const before = await ready("steady", 3);
    expect((await cluster.skiff(["down"])).code).toBe(0);
    await cluster.up();
    const after = await ready("steady", 3);
    expect(after.map(({ metadata }) => metadata.uid).sort()).toEqual(before.map(({ metadata }) => metadata.uid).sort());
    for (const { metadata } of after) {
      await eventually(`${metadata.name} to answer`, async () => {
        const now = await kubectl.json<TestPod>(["get", "pod", metadata.name]);
        const answer = await fetch(`http://${now.status.podIP ?? ""}:8080`, { signal: AbortSignal.timeout(1_000) });
        return (await answer.text()).includes(metadata.name) && now.status.containerStatuses?.[0]?.restartCount === 1;
      });
    }
  });
});

/** Asks each pod for its page, over and over, until stopped. */
function ask(pods: readonly TestPod[]): { stop(): Promise<{ asked: number; failures: string[] }> } {
  let stopped = false;
  let asked = 0;
  const failures: string[] = [];
  onTestFinished(() => void (stopped = true));
  const asking = Promise.all(
    pods.map(async (pod) => {
      while (!stopped) {
        try {
          const answer = await fetch(`http://${pod.status.podIP ?? ""}:8080`, { signal: AbortSignal.timeout(2_000) });
          if (!(await answer.text()).includes(pod.metadata.name)) failures.push(`${pod.metadata.name}: wrong page`);
          asked++;
        } catch (error) {
          failures.push(`${pod.metadata.name}: ${String(error)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }),
  );
  return {
    stop: async () => {
      stopped = true;
      await asking;
      return { asked, failures };
    },
  };
}

/** Creates objects, several at a time, until the server is gone. @returns the names of those it acknowledged */
function write(client: ApiClient): { ended: Promise<string[]> } {
  const acknowledged: string[] = [];
  const writeOn = async (lane: number): Promise<void> => {
    for (let index = 0; index < 5_000; index++) {
      const name = `written-${lane}-${index}`;
      try {
        await client.create(configMaps, {
          metadata: { name, namespace: "default", labels: { written: "here" } },
          data: { a: "b" },
        });
        acknowledged.push(name);
      } catch {
        return;
      }
    }
  };
  return { ended: Promise.all(Array.from({ length: 8 }, (_, lane) => writeOn(lane))).then(() => acknowledged) };
}
