import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { helloDeployment, loadHelloImage } from "./hello-image.ts";
import { whyNot } from "./requirements.ts";
import { eventually } from "./run.ts";
import { isReady, TestCluster, type Kubectl, type TestPod } from "./test-cluster.ts";

const reason = whyNot({ kubectl: ["1.33"] });
const impatient = ["not-ready", "unreachable"].map((key) => ({
  key: `node.kubernetes.io/${key}`,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 5,
}));

/** What upstream promises of a node that dies: unknown after its grace period, tainted, its pods replaced after their tolerations. */
describe.skipIf(reason !== "")(`a node that dies${reason && ` (skipped: ${reason})`}`, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  const withoutFail = async (command: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.skiff(command);
    if (code !== 0) throw new Error(`skiff ${command.join(" ")} exited with ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  const nodeIs = async (status: string): Promise<boolean> =>
    (await kubectl.do(["get", "node", "node-1", "--no-headers"])).split(/\s+/)[1] === status;

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-node-failure");
    await cluster.up();
    kubectl = cluster.kubectl("1.33");
    await loadHelloImage(cluster);
    await kubectl.do(["apply", "-f", "-"], helloDeployment("moving", 3));
    const patch = JSON.stringify({ spec: { template: { spec: { tolerations: impatient } } } });
    await kubectl.do(["patch", "deployment", "moving", "-p", patch]);
    await kubectl.do(["rollout", "status", "deployment/moving", "--timeout=120s"]);
  });
  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  const serving = (): Promise<readonly TestPod[]> =>
    eventually(
      "three ready pods",
      async () => {
        const pods = await kubectl.pods("app=moving");
        return pods.length === 3 && pods.every(isReady) && pods;
      },
      60_000,
    );

  it("is NotReady, and within a minute its pods run elsewhere", async () => {
    const before = await serving();
    expect(before.map((pod) => pod.spec.nodeName)).toContain("node-1");
    expect(await withoutFail(["node", "stop", "node-1"])).toContain("Node node-1 is off");
    await eventually(
      "the pods on other nodes",
      async () => {
        const pods = await kubectl.pods("app=moving");
        return pods.length === 3 && pods.every((pod) => isReady(pod) && pod.spec.nodeName !== "node-1");
      },
      62_000,
    );
    expect(await nodeIs("NotReady")).toBe(true);
    const events = await kubectl.do(["get", "events", "-A"]);
    expect(events).toMatch(/NodeNotReady .*node\/node-1/);
    expect(events).toMatch(/TaintManagerEviction/);
  }, 150_000);

  it("comes back without what was deleted in its absence, and runs nothing twice", async () => {
    const pods = await serving();
    expect(await withoutFail(["node", "start", "node-1"])).toContain("Node node-1 is Ready");
    await eventually("the old pods to be gone", async () => {
      const { items } = await kubectl.json<{ items: readonly TestPod[] }>(["get", "pods"]);
      return items.every((pod) => pod.metadata.deletionTimestamp === undefined);
    });
    expect((await serving()).map(({ metadata }) => metadata.uid).sort()).toEqual(pods.map(({ metadata }) => metadata.uid).sort());
    expect((await kubectl.do(["get", "node", "node-1", "-o", "jsonpath={.spec.taints}"])).trim()).toBe("");
    expect((await cluster.nodeMounts(1)).filter((mount) => mount.includes("/pods/"))).toEqual([]);
  }, 120_000);

  it("can be asked for by name alone", async () => {
    const { code, stderr } = await cluster.skiff(["node", "stop", "node-9"]);
    expect([code, stderr.trim()]).toEqual([
      1,
      'error: cluster e2e-node-failure has no node "node-9": it has node-1, node-2, node-3',
    ]);
    expect(await withoutFail(["node", "start", "node-1"])).toContain("runs already");
  });
});
