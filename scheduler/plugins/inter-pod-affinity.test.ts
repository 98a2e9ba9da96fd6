import { seededRandom } from "#base/random";
import type { Affinity, Pod, PodAffinityTerm } from "#api/generated/types";
import type { Stored } from "#api/object";
import { describe, expect, test } from "vitest";
import { cluster, node, pod } from "../objects.testing.ts";
import { podInfoOf } from "../pod-info.ts";
import { schedule } from "../schedule.ts";
import { type ClusterState, nothingRelated } from "../snapshot.ts";
import { interPodAffinity } from "./inter-pod-affinity.ts";

const zones = [
  node("a1", { labels: { zone: "a" } }),
  node("a2", { labels: { zone: "a" } }),
  node("b1", { labels: { zone: "b" } }),
  node("none"),
];
const near = (app: string, more: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey: "zone",
  labelSelector: { matchLabels: { app } },
  ...more,
});
const required = (...terms: PodAffinityTerm[]) => ({ requiredDuringSchedulingIgnoredDuringExecution: terms });
const preferred = (weight: number, term: PodAffinityTerm) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: term }],
});
const app = (name: string, affinity: Affinity = {}, namespace = "default"): Stored<Pod> =>
  pod(`${name}-${namespace}`, { affinity }, { labels: { app: name }, namespace });

/** Every node it may go to when the dice decide. */
function choices(state: ClusterState, wanted: Stored<Pod>): string {
  const random = seededRandom(1);
  const all = Array.from({ length: 40 }, () => schedule(podInfoOf(wanted), state.snapshot(), [interPodAffinity], random));
  return [...new Set(all.map((decision) => (decision.type === "node" ? decision.name : decision.message)))].toSorted().join(" ");
}

describe("required affinity", () => {
  const state = () => cluster(zones, [[app("db"), "a1"]]);

  test("brings the pod where the others are, over the whole domain", () => {
    expect(choices(state(), app("web", { podAffinity: required(near("db")) }))).toBe("a1 a2");
  });

  test("must find each of the terms, and one pod that is meant by all of them", () => {
    const both = { podAffinity: required(near("db"), near("cache")) };
    const separate = state();
    separate.setPod(app("cache"), "a2");
    expect(choices(separate, app("web", both))).toContain("4 node(s) didn't match pod affinity rules");
    const one = pod("both", {}, { labels: { app: "db", role: "cache" } });
    const roles = { podAffinity: required(near("db"), near("", { labelSelector: { matchLabels: { role: "cache" } } })) };
    expect(choices(cluster(zones, [[one, "b1"]]), app("web", roles))).toBe("b1");
  });

  test("lets the first of a group go anywhere where there is such a domain", () => {
    expect(choices(state(), app("web", { podAffinity: required(near("web")) }))).toBe("a1 a2 b1");
    expect(choices(state(), app("web", { podAffinity: required(near("other")) }))).toContain(
      "4 node(s) didn't match pod affinity rules",
    );
  });

  test("cannot be helped by preemption", () => {
    expect(choices(state(), app("web", { podAffinity: required(near("other")) }))).toMatch(
      /4 Preemption is not helpful for scheduling\.$/,
    );
  });
});

describe("required anti-affinity", () => {
  test("keeps the pod out of the domain, and nodes without the key are fine", () => {
    const state = cluster(zones, [[app("db"), "a1"]]);
    expect(choices(state, app("web", { podAntiAffinity: required(near("db")) }))).toBe("b1 none");
  });

  test("of pods that are there keeps others out too", () => {
    const state = cluster(zones.slice(0, 2), [[app("db", { podAntiAffinity: required(near("web")) }), "a1"]]);
    expect(choices(state, app("web"))).toContain("2 node(s) didn't satisfy existing pods anti-affinity rules");
    expect(choices(state, app("other"))).toBe("a1 a2");
  });

  test("says so in its own words", () => {
    const state = cluster(zones.slice(0, 2), [[app("db"), "a1"]]);
    expect(choices(state, app("web", { podAntiAffinity: required(near("db")) }))).toContain(
      "2 node(s) didn't match pod anti-affinity rules",
    );
  });
});

describe("whom a term means", () => {
  const labels: Record<string, Record<string, string>> = { default: { team: "x" }, other: { team: "y" } };
  const related = { ...nothingRelated, namespaceLabels: (name: string) => labels[name] ?? {} };
  const state = cluster(
    zones,
    [
      [app("db", {}, "default"), "a1"],
      [app("db", {}, "other"), "b1"],
    ],
    related,
  );
  test.each<[string, Partial<PodAffinityTerm>, string]>([
    ["its own namespace, when it says nothing", {}, "a1 a2"],
    ["the namespaces that it names, and no other", { namespaces: ["other"] }, "b1"],
    ["those that it selects", { namespaceSelector: { matchLabels: { team: "y" } } }, "b1"],
    ["both together", { namespaces: ["default"], namespaceSelector: { matchLabels: { team: "y" } } }, "a1 a2 b1"],
    ["all, with an empty selector", { namespaceSelector: {} }, "a1 a2 b1"],
  ])("are the pods of %s", (_what, more, expected) => {
    expect(choices(state, app("web", { podAffinity: required(near("db", more)) }))).toBe(expected);
  });
});

describe("preferences", () => {
  test("draw the pod near others, or far from them", () => {
    const state = cluster(zones, [[app("db"), "a1"]]);
    expect(choices(state, app("web", { podAffinity: preferred(10, near("db")) }))).toBe("a1 a2");
    expect(choices(state, app("web", { podAntiAffinity: preferred(10, near("db")) }))).toBe("b1 none");
  });

  test("of pods that are there count as well, and so does what they require", () => {
    expect(choices(cluster(zones, [[app("db", { podAffinity: preferred(1, near("web")) }), "b1"]]), app("web"))).toBe("b1");
    expect(choices(cluster(zones, [[app("db", { podAffinity: required(near("web")) }), "b1"]]), app("web"))).toBe("b1");
    expect(choices(cluster(zones, [[app("db", { podAntiAffinity: preferred(1, near("web")) }), "b1"]]), app("web"))).toBe(
      "a1 a2 none",
    );
  });
});
