import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { configMaps } from "#api/resource-type";
import type { ApiClient } from "#client/api-client";
import { httpTransport } from "#client/http-transport";
import { readKubeconfig } from "#client/kubeconfig";
import { createClient } from "#client/transport-client";
import { helloDeployment, loadHelloImage } from "./hello-image.ts";
import { whyNot } from "./requirements.ts";
import { eventually } from "./run.ts";
import { isReady, Kubectl, TestCluster, type TestPod } from "./test-cluster.ts";

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

  it("knows a pod by the token it finds in itself, before and after the control plane was killed", async () => {
    await kubectl.do(["create", "serviceaccount", "teller"]);
    await kubectl.do(["apply", "-f", "-"], tellingPod("telling", "teller"));
    const logs = await eventually("what the pod found", async () => {
      const { stdout } = await kubectl.try(["logs", "telling"]);
      return stdout.includes("END CERTIFICATE") && stdout;
    });
    const [token = "", namespace = "", owner = "", ...certificate] = logs.split("\n");
    expect([namespace, owner]).toEqual(["default", "1000 600"]);
    const { server } = readKubeconfig(cluster.kubeconfig);
    const ca = join(cluster.folder, "ca-of-the-pod.crt");
    await writeFile(ca, certificate.join("\n"));
    const asPod = new Kubectl(kubectl.binary, { ...kubectl.env, KUBECONFIG: join(cluster.folder, "no-kubeconfig") });
    const whoAmI = async (): Promise<unknown> => {
      const args = ["--server", server, "--certificate-authority", ca, "--token", token, "auth", "whoami"];
      return (await asPod.json<{ status: { userInfo: unknown } }>(args)).status.userInfo;
    };
    const pod = await kubectl.json<TestPod>(["get", "pod", "telling"]);
    const expected = {
      username: "system:serviceaccount:default:teller",
      groups: ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
      extra: {
        "authentication.kubernetes.io/pod-name": ["telling"],
        "authentication.kubernetes.io/pod-uid": [pod.metadata.uid],
        "authentication.kubernetes.io/node-name": [pod.spec.nodeName],
      },
    };
    expect(await whoAmI()).toMatchObject(expected);
    process.kill(await cluster.pidOf("control-plane"), "SIGKILL");
    await eventually("it to be gone", async () => (await cluster.skiff(["status"])).stdout.includes("not running"));
    await cluster.up();
    expect(await whoAmI()).toMatchObject(expected);
    await kubectl.do(["delete", "pod", "telling", "--wait"]);
    const { code, stderr } = await asPod.try([
      "--server",
      server,
      "--certificate-authority",
      ca,
      "--token",
      token,
      "get",
      "pods",
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("Unauthorized");
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
    await kubectl.do(["rollout", "status", "deployment/rolling", "--timeout=120s"]);
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
          const answer = await fetch(`http://${pod.status.podIP ?? ""}:8080`, { signal: AbortSignal.timeout(20_000) });
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

/** Writes what it was given to its log: token, namespace, who owns the token and may read it, the authority's certificate. */
function tellingPod(name: string, serviceAccountName: string): string {
  const folder = "/var/run/secrets/kubernetes.io/serviceaccount";
  const script = `cd ${folder}; cat token; echo; cat namespace; echo; stat -L -c '%u %a' token; cat ca.crt; sleep 1000`;
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      serviceAccountName,
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsUser: 1000 },
      containers: [{ name: "c", image: "skiff.local/hello:1", imagePullPolicy: "Never", command: ["sh", "-c", script] }],
    },
  });
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
