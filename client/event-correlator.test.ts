import { FakeClock } from "#base/fake-clock";
import { describe, expect, test } from "vitest";
import { EventCorrelator } from "./event-correlator.ts";

const occurrence = {
  about: { kind: "Pod", namespace: "default", name: "web", uid: "1", apiVersion: "v1" },
  type: "Normal",
  reason: "Pulled",
  message: "it was pulled",
  component: "kubelet",
  host: "n1",
};

describe("EventCorrelator", () => {
  test("counts what is said again", async () => {
    const clock = new FakeClock();
    const correlator = new EventCorrelator(clock);
    const first = correlator.record(occurrence);
    await clock.advance(1000);
    const second = correlator.record(occurrence);
    expect(second).toMatchObject({ key: first?.key, count: 2, first: first?.first, last: clock.now() });
    expect(correlator.record({ ...occurrence, about: { ...occurrence.about, uid: "2" } })).toMatchObject({ count: 1 });
  });

  test("lets a source say 25 things about an object, then one each five minutes", async () => {
    const clock = new FakeClock();
    const correlator = new EventCorrelator(clock);
    const said = Array.from({ length: 40 }, () => correlator.record(occurrence)).filter((event) => event !== undefined);
    expect(said).toHaveLength(25);
    await clock.advance(299_000);
    expect(correlator.record(occurrence)).toBeUndefined();
    await clock.advance(1000);
    // What was not said was counted.
    expect(correlator.record(occurrence)).toMatchObject({ count: 42 });
    expect(correlator.record({ ...occurrence, about: { ...occurrence.about, uid: "2" } })).toBeDefined();
  });

  test("combines many messages of one reason", async () => {
    const clock = new FakeClock();
    const correlator = new EventCorrelator(clock);
    const keys = Array.from({ length: 12 }, (_, index) => correlator.record({ ...occurrence, message: `pulled ${index}` }));
    expect(keys[9]?.message).toBe("pulled 9");
    expect(keys[10]?.message).toBe("(combined from similar events): pulled 10");
    expect(keys[11]).toMatchObject({ key: keys[10]?.key, count: 2, message: "(combined from similar events): pulled 11" });
    await clock.advance(600_001);
    expect(correlator.record({ ...occurrence, message: "pulled 13" })?.message).toBe("pulled 13");
  });
});
