import { FakeClock } from "#base/fake-clock";
import { type Logger, silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import type { ConfigMap } from "#api/generated/types";
import { controllerRef, keyOf, type Stored } from "#api/object";
import { configMaps, events, secrets } from "#api/resource-type";
import { createClient } from "#client/transport-client";
import { SmallApi } from "#client/small-api.testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { controllerIn, ownRequests } from "./owner-requests.ts";
import type { Outcome, Plan, Write } from "./plan.ts";
import type { Reconciler } from "./reconciler.ts";
import { type Pass, runReconciler } from "./runner.ts";
import { controllerIndex, SharedInformers } from "./shared-informers.ts";
import { map, mergeMap, of } from "rxjs";

interface View {
  readonly map: Stored<ConfigMap>;
  readonly secrets: readonly Stored<ConfigMap>[];
}

let clock: FakeClock;
let api: SmallApi;
let informers: SharedInformers;
let stop: AbortController;
let running: Promise<unknown>;
let passes: Pass[];
let warnings: string[];

const client = () => createClient(api);
const key = { namespace: "default", name: "m" };

/** Gives each ConfigMap as many Secrets as its `data.wanted` says. */
function secretMaker(): Reconciler<View> {
  const [owners, children] = [informers.of(configMaps), informers.of(secrets)];
  const fromChildren = children.changes.pipe(
    mergeMap(({ object }) => of(controllerIn(object, owners))),
    mergeMap((owner) => (owner === undefined ? [] : [owner])),
    map(keyOf),
  );
  return {
    name: "secret-maker",
    requests: ownRequests(owners),
    bursts: fromChildren,
    async observe(where) {
      const found = owners.get(where);
      return found && { map: found, secrets: children.byIndex(controllerIndex, found.metadata.uid) };
    },
    plan: ({ map: owner, secrets: existing }): Plan => {
      const staying = existing.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const missing = Number(owner.data?.["wanted"] ?? 0) - staying.length;
      const metadata = { namespace: "default", generateName: "s-", ownerReferences: [controllerRef(owner, "v1", "ConfigMap")] };
      const announce = { about: owner, done: () => ({ type: "Normal" as const, reason: "Made", message: "made a secret" }) };
      const create: Write = { type: "create", resource: secrets, object: { metadata }, announce };
      if (missing > 0) return { steps: [{ type: "slowStart", writes: Array.from({ length: missing }, () => create) }] };
      const surplus = staying.slice(0, -missing).map((target): Write => ({ type: "delete", resource: secrets, target }));
      return { steps: missing < 0 ? [{ type: "together", writes: surplus }] : [] };
    },
    conclude: ({ map: owner }, outcomes: readonly Outcome[]) => ({
      resource: configMaps,
      object: owner,
      status: { made: outcomes.filter(({ type }) => type === "done").length },
    }),
  };
}

beforeEach(async () => {
  clock = new FakeClock();
  api = new SmallApi();
  stop = new AbortController();
  passes = [];
  warnings = [];
  const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message), child: () => log };
  const options = { client: client(), clock, random: seededRandom(1), log };
  informers = new SharedInformers(options);
  const reconciler = secretMaker();
  const runner = runReconciler(reconciler, { ...options, informers, onPass: (pass) => passes.push(pass) }, stop.signal);
  running = Promise.all([runner, informers.run(stop.signal)]);
  await clock.advance(0);
});
afterEach(async () => {
  api.unmute();
  stop.abort(new Error("test over"));
  await clock.advance(0);
  await running;
});

async function wants(count: number) {
  const data = { wanted: `${count}` };
  const existing = await client()
    .get(configMaps, key)
    .catch(() => undefined);
  if (existing === undefined) await client().create(configMaps, { metadata: key, data });
  else await client().patch(configMaps, key, { type: "merge", patch: { data } });
  await clock.advance(0);
}

async function count(): Promise<number> {
  return (await client().list(secrets)).items.length;
}

describe("runReconciler", () => {
  test("drives objects towards their spec and then rests", async () => {
    await wants(5);
    await clock.advance(100);
    expect(await count()).toBe(5);
    await wants(2);
    await clock.advance(100);
    expect(await count()).toBe(2);
    const before = api.calls.length;
    await clock.advance(20_000);
    expect(api.calls.length).toBe(before);
    expect(passes.at(-1)).toMatchObject({ controller: "secret-maker", key, failed: false });
  });

  test("tells people what it did", async () => {
    await wants(1);
    await clock.advance(100);
    expect((await client().list(events)).items).toMatchObject([
      { reason: "Made", involvedObject: { kind: "ConfigMap", name: "m" }, source: { component: "secret-maker" } },
    ]);
  });

  test("does not act on a view that lacks what it wrote itself, however often it is asked", async () => {
    await wants(1);
    await clock.advance(100);
    api.mute("secrets");
    await wants(4);
    for (let touch = 0; touch < 5; touch++) {
      await client().patch(configMaps, key, { type: "merge", patch: { data: { touch: `${touch}` } } });
      await clock.advance(10);
    }
    expect(await count()).toBe(4);
    await wants(2);
    api.unmute();
    await clock.advance(100);
    expect(await count()).toBe(2);
  });

  test("lists anew before it acts again when it does not know what a request did", async () => {
    api.intercept = (call) => {
      if (call.verb !== "create" || call.type.resource !== "secrets") return undefined;
      api.intercept = () => undefined;
      api.mute("secrets");
      return "fail after";
    };
    await wants(1);
    await clock.advance(1000);
    api.unmute();
    await clock.advance(1000);
    expect(await count()).toBe(1);
    expect(warnings).toContain("a write failed");
  });

  test("acts on a change at once, and on what follows it closely in one look", async () => {
    await wants(1);
    await clock.advance(1000);
    const [secret] = (await client().list(secrets)).items;
    const before = passes.length;
    for (let touch = 0; touch < 5; touch++) {
      await client().patch(secrets, keyOf(secret!), { type: "merge", patch: { data: { touch: `${touch}` } } });
      await clock.advance(1);
    }
    const atOnce = passes.length - before;
    await clock.advance(100);
    expect([atOnce, passes.length - before]).toEqual([1, 2]);
    await client().patch(secrets, keyOf(secret!), { type: "merge", patch: { data: { touch: "last" } } });
    await client().patch(configMaps, key, { type: "merge", patch: { data: { own: "at once" } } });
    await clock.advance(0);
    expect(passes.length - before).toBe(4);
  });

  test("stops a slow start at the first failure, and tries again later and later", async () => {
    let attempts = 0;
    api.intercept = (call) => {
      if (call.verb !== "create" || call.type.resource !== "secrets") return undefined;
      attempts++;
      return "fail";
    };
    await wants(8);
    expect(attempts).toBe(1);
    await clock.advance(3000);
    expect(attempts).toBeLessThan(12);
    api.intercept = () => undefined;
    await clock.advance(60_000);
    expect(await count()).toBe(8);
  });

  test("loses patience with an informer that stays silent, and lists", async () => {
    await wants(1);
    await clock.advance(100);
    api.mute("secrets");
    await wants(2);
    await clock.advance(100);
    expect(await count()).toBe(2);
    const lists = () => api.calls.filter(({ verb, type }) => verb === "list" && type.resource === "secrets").length;
    const before = lists();
    await clock.advance(31_000);
    expect(lists()).toBeGreaterThan(before);
    expect(warnings).toContain("an informer does not show what was written 30 s ago: listing anew");
    expect(await count()).toBe(2);
  });
});
