import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { helloDeployment, loadHelloImage } from "./hello-image.ts";
import { hostState, type HostState } from "./host-state.ts";
import { whyNot } from "./requirements.ts";
import { eventually, succeed } from "./run.ts";
import { isReady, TestCluster } from "./test-cluster.ts";

const reason = whyNot({ tools: ["curl"], kubectl: ["1.33"] });

describe.skipIf(reason !== "")(`two clusters on one machine${reason && ` (skipped: ${reason})`}`, () => {
  let before: HostState;
  let clusters: readonly TestCluster[] = [];
  const listeners: Server[] = [];

  beforeAll(async () => {
    before = await hostState();
    clusters = [await TestCluster.create("e2e-left"), await TestCluster.create("e2e-right")];
  });

  afterAll(async () => {
    for (const server of listeners) server.close();
    for (const cluster of clusters) await cluster.remove();
  });

  it("run the same Deployment apart from each other", async () => {
    const found: { name: string; address: string }[] = [];
    for (const cluster of clusters) {
      await cluster.up("--nodes", "1");
      await loadHelloImage(cluster);
      await cluster.kubectl("1.33").do(["apply", "-f", "-"], helloDeployment("web", 1));
    }
    for (const cluster of clusters) {
      const pods = await eventually(`the pod of ${cluster.name}`, async () => {
        const list = await cluster.kubectl("1.33").pods("app=web");
        return list.length === 1 && list.every(isReady) && list;
      });
      found.push({ name: pods[0]?.metadata.name ?? "", address: pods[0]?.status.podIP ?? "" });
    }
    expect(found[0]?.address).not.toBe(found[1]?.address);
    for (const { name, address } of found) {
      expect(await succeed(["curl", "-sf", "-m", "5", `http://${address}:8080`])).toContain(name);
    }
  });

  it("goes on when the other one is deleted, and the last leaves the machine as it was", async () => {
    const [left, right] = clusters;
    if (left === undefined || right === undefined) throw new Error("there are two");
    await left.remove();
    clusters = [right];
    const [pod] = await right.kubectl("1.33").pods("app=web");
    expect(await succeed(["curl", "-sf", "-m", "5", `http://${pod?.status.podIP ?? ""}:8080`])).toContain("Hello from");
    await right.remove();
    clusters = [];
    expect(await hostState()).toEqual(before);
  });

  it("takes the first free port, and refuses a given one that is in use", async () => {
    const cluster = await TestCluster.create("e2e-port");
    clusters = [...clusters, cluster];
    const taken = await listen(0);
    const refused = await cluster.skiff(["up"], ["--nodes", "0", "--port", String(taken)]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(new RegExp(`^error: port ${taken} is in use: .*\n$`));
    await listen(6443).catch(() => undefined);
    const { stdout } = await cluster.skiff(["up"], ["--nodes", "0"]);
    expect(stdout).toMatch(/https:\/\/127\.0\.0\.1:6(44[4-9]|4[5-9]\d)/);
  });

  function listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = createServer();
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        listeners.push(server);
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  }
});
