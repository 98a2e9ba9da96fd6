import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostState } from "./host-state.ts";
import { whyNot } from "./requirements.ts";
import { eventually } from "./run.ts";
import { TestCluster, type Kubectl } from "./test-cluster.ts";

const reason = whyNot({ tools: ["etcd"], kubectl: ["1.33"] });

describe.skipIf(reason !== "")(`a control plane with an etcd of its own${reason && ` (skipped: ${reason})`}`, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-etcd");
    await cluster.up("--store", "etcd", "--nodes", "0");
    kubectl = cluster.kubectl("1.33");
  });

  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  it("keeps its store for life", async () => {
    const { code, stderr } = await cluster.skiff(["up"], ["--store", "embedded"]);
    expect(code).toBe(1);
    expect(stderr).toContain("with the etcd store, not embedded");
    const other = await cluster.skiff(["up"], ["--etcd-servers", "https://10.0.0.1:2379"]);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("with an etcd of its own");
  });

  it("says at /readyz that its etcd is away, and goes on from what was stored when up has started it again", async () => {
    await kubectl.do(["create", "configmap", "kept", "--from-literal=a=b"]);
    expect(await kubectl.do(["get", "--raw", "/readyz?verbose"])).toMatch(/\[\+\]etcd ok\n\[\+\]etcd-readiness ok/);
    process.kill(await cluster.pidOf("etcd"), "SIGKILL");
    await eventually("etcd to be missed", async () => {
      const { code, stderr } = await kubectl.try(["get", "--raw", "/readyz?verbose"]);
      return code !== 0 && stderr.includes("[-]etcd failed") && stderr.includes("[-]etcd-readiness failed");
    });
    expect((await cluster.skiff(["status"])).stdout).toMatch(/etcd +not running/);
    await cluster.up();
    await eventually("it to be ready", async () => (await kubectl.try(["get", "--raw", "/readyz"])).code === 0);
    expect(await kubectl.do(["get", "configmap", "kept", "-o", "jsonpath={.data.a}"])).toBe("b");
  });

  it("leaves no process behind", async () => {
    expect((await cluster.skiff(["down"])).code).toBe(0);
    const own = (await hostState()).processes.filter((command) => command.includes(cluster.folder));
    expect(own).toEqual([]);
  });
});
