import type { Node, Pod, Taint, Toleration } from "#api/generated/types";
import { nodes, pods } from "#api/resource-type";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import { SmallApi } from "#client/small-api.testing";
import { createClient } from "#client/transport-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runReconciler } from "../framework/runner.ts";
import { SharedInformers } from "../framework/shared-informers.ts";
import { taintEvictionReconciler } from "./reconciler.ts";

let clock: FakeClock;
let stop: AbortController;
let running: Promise<unknown>;
const api = () => createClient(small);
let small: SmallApi;

beforeEach(async () => {
  [clock, small, stop] = [new FakeClock(), new SmallApi(), new AbortController()];
  const options = { client: api(), clock, random: seededRandom(1), log: silentLogger };
  const informers = new SharedInformers(options);
  const reconciler = taintEvictionReconciler(informers, clock);
  running = Promise.all([runReconciler(reconciler, { ...options, informers }, stop.signal), informers.run(stop.signal)]);
  const node: Node = { metadata: { name: "n" }, spec: {} };
  await api().create(nodes, node);
  await clock.advance(100);
});
afterEach(async () => {
  stop.abort(new Error("test over"));
  await clock.advance(0);
  await running;
});

const driving = (name: string): Taint => ({ key: name, effect: "NoExecute" });
const bears = (key: string, tolerationSeconds?: number): Toleration => ({
  key,
  operator: "Exists",
  effect: "NoExecute",
  ...(tolerationSeconds !== undefined && { tolerationSeconds }),
});

async function taint(...names: string[]): Promise<void> {
  const patch = { spec: { taints: names.map(driving) } };
  await api().patch(nodes, { namespace: "", name: "n" }, { type: "merge", patch });
  await clock.advance(100);
}

async function place(name: string, ...tolerations: Toleration[]): Promise<void> {
  const pod: Pod = { metadata: { namespace: "default", name }, spec: { containers: [], nodeName: "n", tolerations } };
  await api().create(pods, pod);
  await clock.advance(100);
}

async function left(): Promise<string[]> {
  return (await api().list(pods)).items.map(({ metadata }) => metadata.name).toSorted();
}

// Source: processPodOnNode of pkg/controller/tainteviction.
test("each pod's time begins when it meets the taint, not when its node got it", async () => {
  await taint("a");
  await place("early", bears("a", 60));
  await clock.advance(40_000);
  await place("late", bears("a", 60));
  await clock.advance(25_000);
  expect(await left()).toEqual(["late"]);
  await clock.advance(40_000);
  expect(await left()).toEqual([]);
});

test("a taint that takes the place of another does not give more time", async () => {
  await taint("a");
  await place("x", bears("a", 60), bears("b", 60));
  await clock.advance(40_000);
  await taint("b");
  await clock.advance(21_000);
  expect(await left()).toEqual([]);
});

test("time that a pod spent beside what it bears for ever does not count", async () => {
  await taint("a");
  await place("x", bears("a"), bears("b", 60));
  await clock.advance(500_000);
  await taint("a", "b");
  await clock.advance(50_000);
  expect(await left()).toEqual(["x"]);
  await clock.advance(11_000);
  expect(await left()).toEqual([]);
});

test("a taint that goes in time is forgiven, and the next one counts from its own beginning", async () => {
  await taint("a");
  await place("x", bears("a", 60));
  await clock.advance(40_000);
  await taint();
  await clock.advance(40_000);
  await taint("a");
  await clock.advance(40_000);
  expect(await left()).toEqual(["x"]);
});
