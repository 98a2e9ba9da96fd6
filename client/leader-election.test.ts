import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import { events, leases } from "#api/resource-type";
import { beforeEach, describe, expect, test } from "vitest";
import { runAsLeader } from "./leader-election.ts";
import { SmallApi } from "./small-api.testing.ts";
import { createClient } from "./transport-client.ts";

const lease = { namespace: "kube-system", name: "scheduler" };

let clock: FakeClock;
let api: SmallApi;

beforeEach(() => {
  clock = new FakeClock();
  api = new SmallApi();
});

/** A candidate whose requests fail while `cutOff`. */
function candidate(identity: string) {
  const state = { cutOff: false, leading: false, result: Promise.resolve<unknown>(undefined), stop: new AbortController() };
  const transport = Object.assign(Object.create(api) as SmallApi, {
    send: (call: Parameters<SmallApi["send"]>[0]) =>
      state.cutOff ? Promise.reject(new Error("cut off")) : SmallApi.prototype.send.call(api, call),
  });
  const options = { client: createClient(transport), lease, identity, clock, random: seededRandom(1), log: silentLogger };
  const lead = async (signal: AbortSignal) => {
    state.leading = true;
    await clock.sleep(1e9, signal).catch(() => undefined);
    state.leading = false;
  };
  state.result = runAsLeader(options, lead, state.stop.signal).catch((error: unknown) => error);
  return state;
}

async function stored() {
  return (await createClient(api).get(leases, lease)).spec;
}

describe("runAsLeader", () => {
  test("lets one candidate lead and renews its lease", async () => {
    const first = candidate("a");
    await clock.advance(0);
    const second = candidate("b");
    await clock.advance(60_000);
    expect([first.leading, second.leading]).toEqual([true, false]);
    expect(await stored()).toMatchObject({ holderIdentity: "a", leaseDurationSeconds: 15, leaseTransitions: 0 });
    first.stop.abort(new Error("over"));
    second.stop.abort(new Error("over"));
    await Promise.all([first.result, second.result]);
  });

  test("gives the lease up when it stops, so that the next one need not wait for its end", async () => {
    const first = candidate("a");
    await clock.advance(0);
    const second = candidate("b");
    await clock.advance(5000);
    first.stop.abort(new Error("over"));
    await first.result;
    await clock.advance(4500);
    expect(second.leading).toBe(true);
    expect(await stored()).toMatchObject({ holderIdentity: "b" });
    second.stop.abort(new Error("over"));
    await second.result;
  });

  test("stops leading when it cannot renew, before another begins to", async () => {
    const first = candidate("a");
    await clock.advance(0);
    const second = candidate("b");
    await clock.advance(20_000);
    first.cutOff = true;
    let both = false;
    for (let second_ = 0; second_ < 40; second_++) {
      await clock.advance(1000);
      both ||= first.leading && second.leading;
    }
    expect(both).toBe(false);
    expect([first.leading, second.leading]).toEqual([false, true]);
    expect(await first.result).toMatchObject({ message: "leader election lost: the lease was not renewed" });
    expect(await stored()).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
    second.stop.abort(new Error("over"));
    await second.result;
  });

  test("does not believe another machine's clock: an old renewTime alone is no reason to take over", async () => {
    const client = createClient(api);
    const spec = { holderIdentity: "x", leaseDurationSeconds: 15, renewTime: "2001-01-01T00:00:00.000000Z" };
    await client.create(leases, { metadata: lease, spec });
    const first = candidate("a");
    await clock.advance(14_000);
    expect(first.leading).toBe(false);
    await clock.advance(6000);
    expect(first.leading).toBe(true);
    first.stop.abort(new Error("over"));
    await first.result;
  });

  test("does not take edits by others for signs of the leader's life", async () => {
    const client = createClient(api);
    const spec = { holderIdentity: "x", leaseDurationSeconds: 15, renewTime: "2001-01-01T00:00:00.000000Z" };
    await client.create(leases, { metadata: lease, spec });
    const first = candidate("a");
    for (let edit = 0; edit < 20; edit++) {
      await clock.advance(1000);
      if (edit < 12) await client.patch(leases, lease, { type: "merge", patch: { metadata: { labels: { edit: `${edit}` } } } });
    }
    expect(first.leading).toBe(true);
    first.stop.abort(new Error("over"));
    await first.result;
  });

  test("waits as long as the holder asked to be waited for", async () => {
    await createClient(api).create(leases, { metadata: lease, spec: { holderIdentity: "x", leaseDurationSeconds: 60 } });
    const first = candidate("a");
    await clock.advance(59_000);
    expect(first.leading).toBe(false);
    await clock.advance(6000);
    expect(first.leading).toBe(true);
    first.stop.abort(new Error("over"));
    await first.result;
  });

  test("says on the lease who leads, and who stopped", async () => {
    const first = candidate("a");
    await clock.advance(100);
    first.stop.abort(new Error("over"));
    await clock.advance(100);
    await first.result;
    const { items } = await createClient(api).list(events);
    expect(items.map(({ reason, message, involvedObject }) => [reason, message, involvedObject.kind])).toEqual([
      ["LeaderElection", "a became leader", "Lease"],
      ["LeaderElection", "a stopped leading", "Lease"],
    ]);
  });

  test("counts transitions, and says since when the holder holds it", async () => {
    const first = candidate("a");
    await clock.advance(20_000);
    const { acquireTime, renewTime } = (await stored()) ?? {};
    expect(Date.parse(renewTime ?? "")).toBeGreaterThan(Date.parse(acquireTime ?? "") + 10_000);
    first.stop.abort(new Error("over"));
    await clock.advance(0);
    await first.result;
    expect(await stored()).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 });
    const second = candidate("b");
    await clock.advance(5000);
    expect(await stored()).toMatchObject({ holderIdentity: "b", leaseDurationSeconds: 15, leaseTransitions: 1 });
    second.stop.abort(new Error("over"));
    await clock.advance(0);
    await second.result;
  });

  test("goes on leading when someone else edits the lease between its look and its write", async () => {
    const first = candidate("a");
    await clock.advance(0);
    api.intercept = (call) => {
      if (call.verb === "update" && !api.calls.some((earlier) => earlier.verb === "patch")) {
        api.intercept = () => undefined;
        void createClient(api).patch(leases, lease, { type: "merge", patch: { metadata: { labels: { edited: "yes" } } } });
      }
      return undefined;
    };
    await clock.advance(30_000);
    expect(first.leading).toBe(true);
    expect((await createClient(api).get(leases, lease)).metadata.labels).toEqual({ edited: "yes" });
    first.stop.abort(new Error("over"));
    await first.result;
  });
});
