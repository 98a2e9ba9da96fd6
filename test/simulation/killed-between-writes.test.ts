import type { ConfigMap, Deployment } from "#api/generated/types";
import { keyOf, type KubeObject, type Stored } from "#api/object";
import { configMaps, deployments, namespaces } from "#api/resource-type";
import { beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "./cluster.ts";
import { whatIsLeftToDo } from "./converged.ts";
import { safetyRules } from "./rules.ts";
import { serviceAccountKey } from "./seeds.testing.ts";
import { Watchman } from "./watchman.ts";
import { type Component, World } from "./world.ts";

/** Where to kill: before its nth write is sent, or after it was done and before it is answered. */
interface Moment {
  readonly component: Component;
  readonly write: number;
  readonly when: "before" | "after";
}

const downMs = 2_000;

/** A rollout, a rollback, a scaling, and every way of deleting, without any fault but the one at `moment`. @returns how much was written */
async function everyday(
  key: string,
  moment?: Moment,
): Promise<{ violations: readonly string[]; writes: Map<Component, number> }> {
  const watch = new Watchman(new Cluster({ windowMs: 10_000 }), safetyRules({ calm: true }));
  const writes = new Map<Component, number>();
  const world = await World.create({
    seed: 1,
    nodes: 2,
    serviceAccountKey: key,
    observe: (write) => watch.see(write),
    onWrite: (component, when, { type }) => {
      if (type.resource === "events") return;
      const count = (writes.get(component) ?? 0) + (when === "before" ? 1 : 0);
      writes.set(component, count);
      if (moment?.component === component && moment.when === when && moment.write === count) world.kill(component);
    },
  });
  const pass = async (ms: number): Promise<void> => {
    await world.clock.advance(ms);
    const dead = world.components.filter((component) => !world.isRunning(component));
    if (dead.length === 0) return;
    await world.clock.advance(downMs);
    for (const component of dead) world.start(component);
    await world.clock.advance(ms);
  };
  const remove = async (type: typeof configMaps, object: Stored<KubeObject>, policy: "Foreground" | "Background" | "Orphan") => {
    watch.cluster.deletedByUser.add(object.metadata.uid);
    await world.admin.delete(type, keyOf(object), { propagationPolicy: policy });
  };
  const { admin } = world;
  const web = { namespace: "team", name: "web" };
  await admin.create(namespaces, { metadata: { name: "team" } });
  await pass(500);
  await admin.create(deployments, deploymentOf(web));
  const owner = await admin.create<ConfigMap>(configMaps, { metadata: { namespace: "team", name: "owner" } });
  const ownerReferences = [
    { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid, blockOwnerDeletion: true },
  ];
  await admin.create<ConfigMap>(configMaps, { metadata: { namespace: "team", name: "owned", ownerReferences } });
  await pass(8_000);
  const images = [image("v2"), image("v1")];
  for (const patch of images) {
    await admin.patch(deployments, web, { type: "strategic", patch });
    await pass(8_000);
  }
  await admin.patch(deployments, web, { type: "merge", patch: { spec: { replicas: 1 } } });
  await remove(configMaps, owner, "Foreground");
  await pass(4_000);
  const settled = whatIsLeftToDo(watch.cluster);
  await remove(deployments, await admin.get(deployments, web), "Orphan");
  await pass(4_000);
  await admin.create(deployments, deploymentOf(web));
  await pass(8_000);
  await remove(namespaces, await admin.get(namespaces, { namespace: "", name: "team" }), "Background");
  await pass(20_000);
  for (const what of [...settled, ...whatIsLeftToDo(watch.cluster)]) watch.violate("it comes to rest", what);
  if (watch.cluster.namespace("team") !== undefined) watch.violate("it comes to rest", "the namespace is still there");
  await world.close();
  return { violations: watch.violations, writes };
}

function deploymentOf(metadata: { namespace: string; name: string }): Deployment {
  const labels = { app: "web" };
  const template = { metadata: { labels }, ...image("v1").spec.template };
  return { metadata, spec: { replicas: 2, selector: { matchLabels: labels }, template } };
}

function image(name: string) {
  return { spec: { template: { spec: { containers: [{ name: "c", image: name }] } } } };
}

describe("killed between any two of its writes, and started again", { timeout: 300_000 }, () => {
  let key: string;
  const writes = new Map<Component, number>();

  beforeAll(async () => {
    key = await serviceAccountKey();
    const run = await everyday(key);
    expect(run.violations).toEqual([]);
    for (const [component, count] of run.writes) writes.set(component, count);
  });

  test.each(["controller-manager", "scheduler"] as const)(
    "the %s leaves a cluster that is as it was asked for",
    async (component) => {
      const count = writes.get(component) ?? 0;
      expect(count).toBeGreaterThan(component === "scheduler" ? 5 : 40);
      const wrong: string[] = [];
      for (let write = 1; write <= count; write++) {
        for (const when of ["before", "after"] as const) {
          const { violations } = await everyday(key, { component, write, when });
          wrong.push(...violations.map((violation) => `killed ${when} write ${write}: ${violation}`));
        }
      }
      expect(wrong).toEqual([]);
    },
  );
});
