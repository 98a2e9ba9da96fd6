import { describe, expect, test } from "vitest";
import type { Node } from "#api/generated/types";
import { FakeClock } from "#base/fake-clock";
import { DisruptionBudget } from "./disruption.ts";

function node(name: string, status: string, zone = ""): Node {
  const labels = zone === "" ? {} : { "topology.kubernetes.io/zone": zone };
  return { metadata: { name, labels }, status: { conditions: [{ type: "Ready", status }] } };
}
const many = (count: number, status: string, zone = ""): Node[] =>
  Array.from({ length: count }, (_, index) => node(`${zone}${status}-${index}`, status, zone));

// Source: --node-eviction-rate 0.1, --unhealthy-zone-threshold 0.55, --large-cluster-size-threshold 50; ComputeZoneState.
describe("evictions", () => {
  test("come node after node, ten seconds apart, each keeping its turn", async () => {
    const clock = new FakeClock();
    const budget = new DisruptionBudget(clock);
    const lost = many(2, "Unknown");
    const all = [...lost, ...many(8, "True")];
    expect(budget.eviction(lost[0]!, all)).toEqual({ type: "inMs", waitMs: 0 });
    expect(budget.eviction(lost[1]!, all)).toEqual({ type: "inMs", waitMs: 10_000 });
    await clock.advance(4_000);
    expect(budget.eviction(lost[1]!, all)).toEqual({ type: "inMs", waitMs: 6_000 });
  });

  test("wait for nobody in another zone", () => {
    const budget = new DisruptionBudget(new FakeClock());
    const lost = [node("a", "Unknown", "x"), node("b", "Unknown", "y")];
    const all = [...lost, ...many(4, "True", "x"), ...many(4, "True", "y")];
    expect(lost.map((each) => budget.eviction(each, all))).toEqual([
      { type: "inMs", waitMs: 0 },
      { type: "inMs", waitMs: 0 },
    ]);
  });

  test("are held where most of a small zone is lost, and slower where it is a large one", () => {
    const lost = many(6, "Unknown");
    expect(new DisruptionBudget(new FakeClock()).eviction(lost[0]!, [...lost, ...many(4, "True")])).toEqual({ type: "held" });
    const large = many(40, "Unknown");
    const all = [...large, ...many(20, "True")];
    const budget = new DisruptionBudget(new FakeClock());
    expect(large.slice(0, 2).map((each) => budget.eviction(each, all))).toEqual([
      { type: "inMs", waitMs: 0 },
      { type: "inMs", waitMs: 100_000 },
    ]);
  });

  test("go on where two of three nodes are lost: that is no disaster of a zone", () => {
    const lost = many(2, "Unknown");
    expect(new DisruptionBudget(new FakeClock()).eviction(lost[0]!, [...lost, node("c", "True")])).toMatchObject({
      type: "inMs",
    });
  });

  test("are forgiven when no node at all is well", () => {
    const lost = many(3, "Unknown");
    expect(new DisruptionBudget(new FakeClock()).eviction(lost[0]!, lost)).toEqual({ type: "forgiven" });
  });
});
