import { systemClock } from "#base/clock";
import { seededRandom } from "#base/random";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { expect, test } from "vitest";
import { asks, cluster, node, pod } from "./objects.testing.ts";
import { defaultPlugins } from "./plugins/default-plugins.ts";
import { podInfoOf } from "./pod-info.ts";
import { schedule } from "./schedule.ts";

const zoneKey = "topology.kubernetes.io/zone";
const term = { topologyKey: zoneKey, labelSelector: { matchLabels: { app: "db" } } };
const alone = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "web" } } };
const affinity = {
  podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, podAffinityTerm: term }] },
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [alone] },
};
const spread = {
  topologyKey: zoneKey,
  maxSkew: 5,
  whenUnsatisfiable: "DoNotSchedule",
  labelSelector: { matchLabels: { app: "web" } },
};

function busyCluster(nodes: number, podsEach: number, cpu: string) {
  const names = Array.from({ length: nodes }, (_, index) => `n${index}`);
  const placed = names.flatMap((name) =>
    Array.from({ length: podsEach }, (_, index): [Stored<Pod>, string] => [
      pod(`${name}-${index}`, { ...asks({ cpu }), priority: index }, { labels: { app: index % 2 === 0 ? "db" : "cache" } }),
      name,
    ]),
  );
  return cluster(
    names.map((name, index) => node(name, { labels: { [zoneKey]: `z${index % 3}` } })),
    placed,
  );
}

/** The best of some attempts: others use the machine, too. */
function fastest(attempt: () => void): number {
  return Math.min(
    ...Array.from({ length: 5 }, () => {
      const start = systemClock.monotonic();
      attempt();
      return systemClock.monotonic() - start;
    }),
  );
}

test("a pod with affinity finds its place among a thousand nodes and ten thousand pods in less than a second", () => {
  const snapshot = busyCluster(1000, 10, "100m").snapshot();
  const wanted = podInfoOf(
    pod("p", { ...asks({ cpu: "1" }), affinity, topologySpreadConstraints: [spread] }, { labels: { app: "web" } }),
  );
  const took = fastest(() => {
    expect(schedule(wanted, snapshot, defaultPlugins, seededRandom(1)).type).toBe("node");
  });
  expect(took).toBeLessThan(1_000);
});

test("and makes room for itself when they are all full nearly as quickly", () => {
  const snapshot = busyCluster(1000, 10, "400m").snapshot();
  const wanted = podInfoOf(
    pod("p", { ...asks({ cpu: "1" }), affinity, topologySpreadConstraints: [spread], priority: 100 }, { labels: { app: "web" } }),
  );
  const took = fastest(() => {
    expect(schedule(wanted, snapshot, defaultPlugins, seededRandom(1))).toMatchObject({ type: "none", victims: { length: 3 } });
  });
  expect(took).toBeLessThan(2_000);
});
