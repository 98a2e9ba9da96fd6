import type { ConfigMap } from "#api/generated/types";
import type { Stored } from "#api/object";
import { configMaps, replicaSets } from "#api/resource-type";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import { SmallApi } from "#client/small-api.testing";
import { createClient } from "#client/transport-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runReconciler } from "../framework/runner.ts";
import { SharedInformers } from "../framework/shared-informers.ts";
import { garbageCollectors } from "./reconcilers.ts";

let clock: FakeClock;
let small: SmallApi;
let stop: AbortController;
let running: Promise<unknown>;
const api = () => createClient(small);

beforeEach(async () => {
  [clock, small, stop] = [new FakeClock(), new SmallApi(), new AbortController()];
  const options = { client: api(), clock, random: seededRandom(1), log: silentLogger };
  const informers = new SharedInformers(options);
  const collectors = garbageCollectors(informers, [configMaps, replicaSets]);
  const passes = collectors.map((collector) => runReconciler(collector, { ...options, informers }, stop.signal));
  running = Promise.all([...passes, informers.run(stop.signal)]);
  await clock.advance(100);
});
afterEach(async () => {
  small.unmute();
  stop.abort(new Error("test over"));
  await clock.advance(0);
  await running;
});

async function make(name: string, owner?: Stored<ConfigMap>): Promise<Stored<ConfigMap>> {
  const reference = owner && { apiVersion: "v1", kind: "ConfigMap", name: owner.metadata.name, uid: owner.metadata.uid };
  const made = await api().create<ConfigMap>(configMaps, {
    metadata: { namespace: "default", name, ...(reference && { ownerReferences: [reference] }) },
  });
  await clock.advance(100);
  return made;
}

async function left(): Promise<string[]> {
  return (await api().list(configMaps)).items.map(({ metadata }) => metadata.name).toSorted();
}

test("what has lost its owner is collected", async () => {
  await make("owned", await make("owner"));
  await api().delete(configMaps, { namespace: "default", name: "owner" });
  await clock.advance(100);
  expect(await left()).toEqual([]);
});

// Source: attemptToDeleteItem, which reads the object from the server before it decides.
test("what was let go is not collected by who has not seen it yet", async () => {
  const owner = await make("owner");
  await make("left-alone", owner);
  const key = { namespace: "default", name: "left-alone" };
  // The pass that the owner's end brings about begins with a view that is older than the letting go.
  small.intercept = (call) => {
    if (call.verb === "get" && call.name === "owner") small.mute("configmaps");
    return undefined;
  };
  const lateView = api().delete(configMaps, { namespace: "default", name: "owner" });
  const released = api().patch(configMaps, key, { type: "merge", patch: { metadata: { ownerReferences: [] } } });
  await Promise.all([lateView, released]);
  await clock.advance(5_000);
  small.unmute();
  await clock.advance(5_000);
  expect(await left()).toEqual(["left-alone"]);
});
