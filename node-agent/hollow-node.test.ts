import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deployments, nodes, pods } from "#api/resource-type";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { type ControlPlane, startControlPlane } from "#cluster/control-plane";
import { memoryPki } from "#cluster/pki/pki";
import { hollowNode } from "./hollow-node.ts";
import { runNodeAgent } from "./main.ts";

const parts = { clock: systemClock, random: systemRandom, log: silentLogger };

describe("hollow nodes in a real control plane", () => {
  const stop = new AbortController();
  let folder: string;
  let storage: MemoryStorage;
  let controlPlane: ControlPlane;
  let admin: ApiClient;
  let agents: Promise<void>[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "skiff-hollow-"));
    storage = new MemoryStorage(parts);
    controlPlane = await startControlPlane({ storage, pki: await memoryPki(systemClock, systemRandom), ...parts });
    admin = controlPlane.clientFor("admin", ["system:masters"]);
    agents = [1, 2, 3].map((number) =>
      runNodeAgent(
        hollowNode({
          ...parts,
          nodeName: `node-${number}`,
          nodeAddress: `172.30.0.${number}`,
          podCidr: `10.244.${number}.0/24`,
          client: controlPlane.clientFor(`system:node:node-${number}`, ["system:nodes"]),
          stateDirectory: join(folder, `node-${number}`),
          signal: stop.signal,
        }),
      ),
    );
  });

  afterEach(async () => {
    stop.abort();
    await Promise.all(agents);
    await controlPlane.close();
    await storage.close();
    rmSync(folder, { recursive: true });
  });

  it("run a Deployment, with what each pod is known by, and let it go again", { timeout: 30_000 }, async () => {
    const key = { namespace: "default", name: "web" };
    const fit = async () => (await admin.list(nodes)).items.filter(({ spec }) => (spec?.taints ?? []).length === 0).length;
    await expect.poll(fit).toBe(3);
    await admin.create(deployments, {
      metadata: key,
      spec: {
        replicas: 12,
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "main", image: "nginx" }] } },
      },
    });
    const available = async () => (await admin.get(deployments, key)).status?.availableReplicas;
    await expect.poll(available).toBe(12);
    const { items } = await admin.list(pods, { namespace: "default" });
    expect(new Set(items.map(({ status }) => status?.podIP)).size).toBe(12);
    expect(new Set(items.map(({ spec }) => spec?.nodeName)).size).toBe(3);
    expect(items.every(({ status }) => status?.phase === "Running" && status.qosClass === "BestEffort")).toBe(true);
    await admin.delete(deployments, key, { propagationPolicy: "Background" });
    await expect.poll(async () => (await admin.list(pods, { namespace: "default" })).items.length).toBe(0);
  });
});
