import { describe, expect, test } from "vitest";
import type { Node, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { seededRandom } from "#base/random";
import { outOfQuestion, prepareAttempt, rejectionOf } from "#scheduler/filter";
import { defaultPlugins } from "#scheduler/plugins/default-plugins";
import { podInfoOf } from "#scheduler/pod-info";
import { schedule } from "#scheduler/schedule";
import { totalScores } from "#scheduler/score";
import { ClusterState } from "#scheduler/snapshot";
import { oracle, type Verdict } from "./oracle/oracle.ts";
import type { World } from "./oracle/world.ts";
import { randomScenario, type Scenario } from "./random-cluster.ts";
import { smallest } from "./smaller.ts";

/** Chosen anew for each run unless given, and printed: `SKIFF_SCHEDULER_SEED=N npx vitest run test/scheduler` makes the same clusters. */
const seed = Number(process.env["SKIFF_SCHEDULER_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const clusters = 2000;

describe(`${clusters} random clusters (seed ${seed})`, () => {
  test("are judged by the scheduler as by the oracle: nodes, reasons, scores, the choice and the victims", () => {
    const seen = new Coverage();
    for (let index = 0; index < clusters; index++) {
      const scenario = randomScenario(seed + index);
      const difference = compare(scenario, index);
      if (difference !== undefined) fail(scenario, index);
      seen.add(oracle(scenario.pod, scenario.world));
    }
    seen.expectAll();
  }, 60_000);
});

/** What the scheduler and the oracle do not agree on. */
function compare({ pod, world }: Scenario, dice: number): object | undefined {
  const expected = oracle(pod, world);
  const info = podInfoOf(pod as Stored<Pod>);
  const snapshot = stateOf(pod, world).snapshot();
  const attempt = prepareAttempt(info, snapshot, defaultPlugins);
  for (const node of snapshot.nodes) {
    const rejected = outOfQuestion(attempt, node) ?? rejectionOf(attempt, node);
    const refusal = expected.refusals.get(world.nodes.find(({ metadata }) => metadata.name === node.node.metadata.name)!);
    // The order of several reasons means nothing.
    const is = rejected && {
      plugin: rejected.plugins[0],
      reasons: rejected.rejection.reasons.toSorted(),
      hopeful: rejected.rejection.resolvableByPreemption,
    };
    if (!same(is, refusal && { ...refusal, reasons: refusal.reasons.toSorted() }))
      return { node: node.node.metadata.name, is, expected: refusal };
  }
  const decision = schedule(info, snapshot, defaultPlugins, seededRandom(dice));
  if (decision.type === "node") {
    const feasible = snapshot.nodes.filter(({ node }) => expected.totals.has(node.metadata.name));
    const totals = totalScores(attempt, feasible);
    if (!same([...totals], [...expected.totals])) return { totals: [...totals], expected: [...expected.totals] };
    return expected.best.includes(decision.name) ? undefined : { chosen: decision.name, expected: expected.best };
  }
  if (decision.message !== expected.message) return { message: decision.message, expected: expected.message };
  if (expected.sacrifices.length === 0)
    return decision.victims.length === 0 ? undefined : { victims: decision.victims.map(({ uid }) => uid) };
  const chosen = { node: decision.nominated, victims: decision.victims.map(({ uid }) => uid) };
  const right = expected.sacrifices.map(({ node, victims }) => ({ node, victims: victims.map(({ metadata }) => metadata.uid) }));
  return right.some((sacrifice) => same(sacrifice, chosen)) ? undefined : { chosen, expected: right };
}

function stateOf(pod: Pod, world: World): ClusterState {
  const state = new ClusterState({
    namespaceLabels: (name) => world.namespaces[name] ?? {},
    services: (namespace) => world.services.filter(({ metadata }) => metadata.namespace === namespace),
    replicaSet: ({ namespace, name }) =>
      world.replicaSets.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  });
  for (const node of world.nodes) state.setNode(node as Stored<Node>);
  for (const each of world.placed) state.setPod(each as Stored<Pod>, each.spec?.nodeName ?? "");
  for (const each of [...world.waiting, pod]) {
    const node = each.status?.nominatedNodeName;
    if (node !== undefined) state.nominations.set(podInfoOf(each as Stored<Pod>), node);
  }
  return state;
}

function fail(scenario: Scenario, index: number): never {
  const small = smallest(scenario, (candidate) => compare(candidate, index) !== undefined);
  const { pod, world } = small;
  const difference = JSON.stringify(compare(small, index), undefined, 1);
  const lines = [...world.nodes, ...world.placed, ...world.waiting, ...world.services].map((each) => `  ${JSON.stringify(each)}`);
  throw new Error(
    `cluster ${index} of SKIFF_SCHEDULER_SEED=${seed}: ${difference}\npod ${JSON.stringify(pod)}\nin\n${lines.join("\n")}`,
  );
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** That everything is judged proves little unless everything happened. */
class Coverage {
  readonly #counts = new Map<string, number>();

  add({ refusals, totals, deciding, sacrifices, message }: Verdict): void {
    for (const plugin of new Set([...refusals.values()].map(({ plugin }) => plugin))) this.#count(`rejected by ${plugin}`);
    for (const plugin of deciding) this.#count(`scored by ${plugin}`);
    if (totals.size > 1) this.#count("a choice");
    if (sacrifices.length > 0) this.#count("preemption");
    if (sacrifices.some(({ victims }) => victims.length > 1)) this.#count("several victims");
    if (message.includes("terminating pod on the nominated node")) this.#count("waits for victims");
    if (message.includes("preemptionPolicy=Never")) this.#count("never preempts");
    if (message.includes("No preemption victims found")) this.#count("nobody to preempt");
  }

  expectAll(): void {
    const plugins = ["TaintToleration", "NodeAffinity", "PodTopologySpread", "InterPodAffinity", "NodeResourcesFit"];
    const rejecting = [...plugins, "NodeUnschedulable", "NodeName", "NodePorts"].map((plugin) => `rejected by ${plugin}`);
    const scoring = [...plugins, "NodeResourcesBalancedAllocation", "ImageLocality"].map((plugin) => `scored by ${plugin}`);
    const others = ["a choice", "preemption", "several victims", "waits for victims", "never preempts", "nobody to preempt"];
    const rare = new Set(["waits for victims", "never preempts"]);
    const few = [...rejecting, ...scoring, ...others].filter((what) => (this.#counts.get(what) ?? 0) < (rare.has(what) ? 1 : 20));
    expect(few, `too few of these among ${JSON.stringify(Object.fromEntries(this.#counts))}`).toEqual([]);
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}
