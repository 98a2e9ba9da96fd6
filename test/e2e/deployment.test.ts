import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "#base/package-root";
import { hostState, podCgroups, type HostState } from "./host-state.ts";
import { buildNginxImage, startRegistry, type TestRegistry } from "./registry.ts";
import { whyNot } from "./requirements.ts";
import { eventually, stop, succeed } from "./run.ts";
import { isReady, Kubectl, TestCluster, type TestPod } from "./test-cluster.ts";

/** The store makes no difference that a kubectl could see: one of them is enough for the second. */
const cases = [
  { store: "embedded", version: "1.27" },
  { store: "embedded", version: "1.33" },
  { store: "etcd", version: "1.33" },
] as const;
const stores = ["embedded", "etcd"] as const;
const reason = whyNot({ tools: ["docker-registry", "skopeo", "curl", "dpkg", "etcd"], kubectl: ["1.27", "1.33"] });
const selector = "app=nginx";

interface Started {
  readonly cluster: TestCluster;
  /** In its nodes, before anything runs there. */
  readonly mounts: readonly string[];
}

/** The classic first example, from a YAML file to its end, by the kubectl a user has. */
describe.skipIf(reason !== "")(`a Deployment of nginx on three nodes${reason && ` (skipped: ${reason})`}`, () => {
  let before: HostState;
  let podsBefore: readonly string[];
  let registry: TestRegistry;
  let folder: string;
  const started = new Map<string, Started>();
  const on = (store: string): Started => {
    const found = started.get(store);
    if (found === undefined) throw new Error(`there is no cluster with the ${store} store`);
    return found;
  };

  beforeAll(async () => {
    before = await hostState();
    podsBefore = podCgroups();
    folder = await mkdtemp(join(tmpdir(), "skiff-nginx-"));
    registry = await startRegistry();
    await registry.push(await buildNginxImage(folder, "library/nginx", "1.14.2"), "1.14.2", "library/nginx");
    for (const store of stores) {
      const cluster = await TestCluster.create(`e2e-nginx-${store}`);
      started.set(store, { cluster, mounts: [] });
      await cluster.up("--store", store, "--registry-mirror", `docker.io=http://${registry.host}`);
      started.set(store, { cluster, mounts: await cluster.nodeMounts(3) });
    }
  });

  afterAll(async () => {
    for (const { cluster } of started.values()) await cluster.remove();
    await (registry as TestRegistry | undefined)?.close();
    await rm(folder, { recursive: true, force: true });
  });

  // Side by side, for they wait most of the time; each in a namespace of its own.
  describe.concurrent.each(cases)("with the $store store and kubectl $version", ({ store, version }) => {
    let kubectl: Kubectl;
    const ready = (count: number): Promise<readonly TestPod[]> =>
      eventually(
        `${count} ready pods`,
        async () => {
          const pods = await kubectl.pods(selector);
          return pods.length === count && pods.every(isReady) && pods;
        },
        120_000,
      );

    beforeAll(async () => {
      kubectl = await inNamespace(on(store).cluster, version, `with-${version.replace(".", "-")}`);
    });

    it.sequential(
      "runs three pods on at least two nodes after kubectl apply, and kubectl get -w shows each transition",
      async () => {
        const watch = kubectl.start(["get", "pods", "-l", selector, "-w"]);
        expect(await kubectl.do(["apply", "-f", join(packageRoot, "test/e2e/nginx.yaml")])).toContain("created");
        await kubectl.do(["rollout", "status", "deployment/nginx-deployment", "--timeout=120s"]);
        const pods = await ready(3);
        expect(new Set(pods.map((pod) => pod.spec.nodeName)).size).toBeGreaterThanOrEqual(2);
        await eventually("the watch to show the way to Running", async () =>
          pods.every(({ metadata: { name } }) => {
            const states = watch.output.stdout
              .split("\n")
              .filter((line) => line.startsWith(name))
              .map((line) => line.split(/\s+/)[2]);
            return states.includes("Pending") && states.includes("ContainerCreating") && states.at(-1) === "Running";
          }),
        );
        await stop(watch);
      },
    );

    it.sequential("answers on each pod's address from the host, and from a pod on another node", async () => {
      const pods = await ready(3);
      for (const pod of pods) {
        expect(await succeed(["curl", "-sf", "-m", "5", `http://${pod.status.podIP ?? ""}`])).toContain("Welcome to nginx");
      }
      const [from] = pods;
      const to = pods.find((pod) => pod.spec.nodeName !== from?.spec.nodeName);
      const insideFrom = ["nsenter", "-t", await containerPid(kubectl, from), "-n"];
      expect(await succeed([...insideFrom, "curl", "-sf", "-m", "5", `http://${to?.status.podIP ?? ""}`])).toContain(
        "Welcome to nginx",
      );
    });

    it.sequential("scales to five and back", async () => {
      await kubectl.do(["scale", "deployment/nginx-deployment", "--replicas=5"]);
      await ready(5);
      await kubectl.do(["scale", "deployment/nginx-deployment", "--replicas=3"]);
      await ready(3);
    });

    it.sequential(
      "stops a rollout to an image that does not exist, keeps serving, and comes back with undo",
      async ({ onTestFinished }) => {
        const old = await ready(3);
        await kubectl.do(["patch", "deployment/nginx-deployment", "-p", '{"spec":{"progressDeadlineSeconds":10}}']);
        const reasons = new Set<string>();
        const stopWatching = new AbortController();
        const seen = { fewestReady: 3, most: 3 };
        const watching = watchRollout(kubectl, seen, reasons, stopWatching.signal);
        onTestFinished(() => stopWatching.abort());
        await kubectl.do(["set", "image", "deployment/nginx-deployment", "nginx=nginx:1.91"]);
        const status = await kubectl.try(["rollout", "status", "deployment/nginx-deployment"]);
        expect(status.code).toBe(1);
        expect(status.stderr).toContain('deployment "nginx-deployment" exceeded its progress deadline');
        await eventually("both reasons", async () => reasons.has("ErrImagePull") && reasons.has("ImagePullBackOff"));
        const history = await kubectl.do(["rollout", "history", "deployment/nginx-deployment"]);
        expect(history.trim().split("\n").length).toBeGreaterThanOrEqual(4);
        const sets = await kubectl.json<{ items: { spec: { replicas: number } }[] }>(["get", "rs", "-l", selector]);
        expect(sets.items.map(({ spec }) => spec.replicas).sort()).toEqual([1, 3]);
        await kubectl.do(["rollout", "undo", "deployment/nginx-deployment"]);
        await kubectl.do(["rollout", "status", "deployment/nginx-deployment", "--timeout=120s"]);
        const back = await ready(3);
        stopWatching.abort();
        await watching;
        // 25 % of three: none may be missing, one may be too many.
        expect(seen).toEqual({ fewestReady: 3, most: 4 });
        expect(back.map(({ metadata }) => metadata.uid).sort()).toEqual(old.map(({ metadata }) => metadata.uid).sort());
      },
    );

    it.sequential("prints and follows logs", async () => {
      const [pod] = await ready(3);
      const name = pod?.metadata.name ?? "";
      const follow = kubectl.start(["logs", "-f", name]);
      await succeed(["curl", "-sf", "-A", `asker-${version}`, `http://${pod?.status.podIP ?? ""}`]);
      await eventually("the line in logs -f", async () => follow.output.stdout.includes(`asker-${version}`));
      await stop(follow);
      expect(await kubectl.do(["logs", name, "--tail=1"])).toContain(`asker-${version}`);
    });

    it.sequential("replaces a deleted pod", async () => {
      const [victim] = await ready(3);
      await kubectl.do(["delete", "pod", victim?.metadata.name ?? ""]);
      const pods = await ready(3);
      expect(pods.map(({ metadata }) => metadata.uid)).not.toContain(victim?.metadata.uid);
    });

    it.sequential("restarts a container killed with -9, with back-off, its count and its last state right", async () => {
      const [pod] = await ready(3);
      const name = pod?.metadata.name ?? "";
      const state = async () => (await kubectl.json<TestPod>(["get", "pod", name])).status.containerStatuses?.[0];
      const first = await state();
      process.kill(Number(await containerPid(kubectl, pod)), "SIGKILL");
      const again = await eventually("a first restart", async () => {
        const now = await state();
        return now?.restartCount === (first?.restartCount ?? 0) + 1 && now.state.running !== undefined && now;
      });
      expect(again.lastState.terminated).toMatchObject({ exitCode: 137, reason: "Error" });
      expect(again.containerID).not.toBe(first?.containerID);
      await eventually("it to be killed once more", async () => {
        process.kill(Number(await containerPid(kubectl, pod)), "SIGKILL");
        return true;
      });
      await eventually("CrashLoopBackOff", async () => (await state())?.state.waiting?.reason === "CrashLoopBackOff");
      await eventually("a second restart", async () => (await state())?.restartCount === (first?.restartCount ?? 0) + 2);
      await ready(3);
    });

    it.sequential("leaves nothing of a deleted Deployment", async () => {
      await kubectl.do(["delete", "deployment", "nginx-deployment"]);
      await eventually(
        "no ReplicaSets and pods",
        async () => {
          const { items } = await kubectl.json<{ items: unknown[] }>(["get", "replicasets,pods", "-l", selector]);
          return items.length === 0;
        },
        60_000,
      );
    });
  });

  it.each(stores)("leaves nothing on the nodes of the %s store", async (store) => {
    const { cluster, mounts } = on(store);
    await eventually("no mounts and namespaces of pods in the nodes", async () =>
      isDeepStrictEqual(await cluster.nodeMounts(3), mounts),
    );
    await eventually("no containers and cgroups", async () => {
      const now = await hostState();
      const isNew = (command: string): boolean => command.includes("conmon") && !before.processes.includes(command);
      return now.processes.filter(isNew).length === 0 && podCgroups().every((group) => podsBefore.includes(group));
    });
  });

  it("goes down without a trace and comes up from its state, with either store", async () => {
    const clusters = stores.map((store) => on(store).cluster);
    for (const cluster of clusters) {
      await cluster.kubectl("1.33").do(["create", "configmap", "kept", "--from-literal=a=b"]);
      expect((await cluster.skiff(["down"])).code).toBe(0);
    }
    expect(await hostState()).toEqual(before);
    for (const cluster of clusters) {
      await cluster.up();
      expect(await cluster.kubectl("1.33").do(["get", "configmap", "kept", "-o", "jsonpath={.data.a}"])).toBe("b");
    }
  });
});

/** A kubectl whose commands are about that namespace, which it makes. */
async function inNamespace(cluster: TestCluster, version: string, name: string): Promise<Kubectl> {
  const own = join(cluster.folder, `kubeconfig-${name}`);
  await copyFile(cluster.kubeconfig, own);
  const kubectl = new Kubectl(cluster.kubectl(version).binary, { ...cluster.env, KUBECONFIG: own });
  await kubectl.do(["create", "namespace", name]);
  await kubectl.do(["config", "set-context", "--current", "--namespace", name]);
  return kubectl;
}

/** Looks at the pods until told to stop: how few were ready, how many there were, and why they waited. */
async function watchRollout(
  kubectl: Kubectl,
  seen: { fewestReady: number; most: number },
  reasons: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const pods = await kubectl.pods(selector).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      return undefined;
    });
    if (pods === undefined) return;
    seen.most = Math.max(seen.most, pods.length);
    seen.fewestReady = Math.min(seen.fewestReady, pods.filter(isReady).length);
    for (const pod of pods)
      for (const status of pod.status.containerStatuses ?? []) reasons.add(status.state.waiting?.reason ?? "");
    await sleep(100);
  }
}

/** The pid, on this machine, of a container's first process. */
async function containerPid(kubectl: Kubectl, pod: TestPod | undefined): Promise<string> {
  const id = await currentContainer(kubectl, pod);
  const groups = (
    await succeed([
      "sh",
      "-c",
      `cat /sys/fs/cgroup/pids/skiff*/*/kubepods/*/pod*/*${id}*/cgroup.procs /sys/fs/cgroup/skiff*/*/kubepods/*/pod*/*${id}*/cgroup.procs 2>/dev/null || true`,
    ])
  ).trim();
  const [first = ""] = groups
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 0)
    .sort((left, right) => left - right)
    .map(String);
  if (first === "") throw new Error(`no process of ${id}`);
  return first;
}

async function currentContainer(kubectl: Kubectl, pod: TestPod | undefined): Promise<string> {
  const now = await kubectl.json<TestPod>(["get", "pod", pod?.metadata.name ?? ""]);
  return (now.status.containerStatuses?.[0]?.containerID ?? "").replace("crun://", "");
}
