import { describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { runtimeWithDeadlines } from "./deadlines.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import type { ContainerRuntime } from "./runtime.ts";

const never = new Promise<never>(() => undefined);

describe("a runtime with deadlines", () => {
  const setUp = () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const hanging = new Proxy(new FakeRuntime({ clock }), { get: () => () => never }) as unknown as ContainerRuntime;
    const bounded = runtimeWithDeadlines(hanging, { clock, signal: stop.signal });
    const outcome = (call: Promise<unknown>) => {
      const state = { said: "" };
      call.catch((error: unknown) => (state.said = (error as Error).message));
      return state;
    };
    return { clock, stop, bounded, outcome };
  };

  it("gives a call up after two minutes, a stop and a command after their own time on top", async () => {
    const { clock, bounded, outcome } = setUp();
    const list = outcome(bounded.list());
    const stopped = outcome(bounded.stopContainer("a", 30_000));
    const command = outcome(bounded.exec("a", ["true"], { timeoutMs: 5000 }));
    await clock.advance(119_999);
    expect(list.said).toBe("");
    await clock.advance(1);
    expect(list.said).toBe("the runtime's list did not answer within 120s");
    await clock.advance(5000);
    expect([command.said, stopped.said]).toEqual(["the runtime's exec did not answer within 125s", ""]);
    await clock.advance(25_000);
    expect(stopped.said).toBe("the runtime's stopContainer did not answer within 150s");
  });

  it("lets the agent end: what is under way has two seconds more", async () => {
    const { clock, stop, bounded, outcome } = setUp();
    const list = outcome(bounded.list());
    stop.abort();
    await clock.advance(1999);
    expect(list.said).toBe("");
    await clock.advance(1);
    expect(list.said).not.toBe("");
  });

  it("leaves no sleeper behind a call that answers", async () => {
    const clock = new FakeClock();
    const bounded = runtimeWithDeadlines(new FakeRuntime({ clock }), { clock, signal: new AbortController().signal });
    await bounded.list();
    await clock.advance(0);
    expect(clock.waiting).toBe(0);
  });
});
