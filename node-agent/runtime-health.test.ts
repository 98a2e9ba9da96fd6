import { describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { RuntimeHealth } from "./runtime-health.ts";
import { RuntimeState } from "./runtime-state.ts";

describe("the health of a runtime", () => {
  const setUp = () => {
    const clock = new FakeClock();
    const runtime = {
      info: async () => ({ version: "crun://1" }),
      list: async () => ({ sandboxes: [], containers: [] }),
    };
    const runtimeState = new RuntimeState({ runtime: { list: () => runtime.list() }, clock });
    return {
      clock,
      runtime,
      runtimeState,
      health: new RuntimeHealth({ runtime: { info: () => runtime.info() }, runtimeState, clock }),
    };
  };

  it("is fine while it answers and is listed", async () => {
    const { clock, health, runtimeState } = setUp();
    await health.ask();
    await runtimeState.fresh();
    await clock.advance(29_000);
    expect(health.failure()).toBeUndefined();
    expect(health.info).toEqual({ version: "crun://1" });
  });

  it("is down at once when it says so, and up again when it answers", async () => {
    const { runtime, health } = setUp();
    const { info } = runtime;
    runtime.info = () => Promise.reject(new Error("no such file"));
    await health.ask();
    expect(health.failure()).toBe("container runtime is down: no such file");
    runtime.info = info;
    await health.ask();
    expect(health.failure()).toBeUndefined();
  });

  it("is down when it has not answered for half a minute", async () => {
    const { clock, runtime, health } = setUp();
    await health.ask();
    runtime.info = () => new Promise(() => undefined);
    void health.ask();
    await clock.advance(29_999);
    expect(health.failure()).toBeUndefined();
    await clock.advance(1);
    expect(health.failure()).toBe("container runtime is down");
  });

  it("is of no use when its containers have not been listed for three minutes", async () => {
    const { clock, runtime, runtimeState, health } = setUp();
    await runtimeState.fresh();
    runtime.list = () => Promise.reject(new Error("not now"));
    await runtimeState.fresh().catch(() => undefined);
    await clock.advance(185_000);
    await health.ask();
    expect(health.failure()).toBe("PLEG is not healthy: pleg was last seen active 3m5s ago; threshold is 3m0s");
  });
});
