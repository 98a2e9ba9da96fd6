import { afterEach, describe, expect, it } from "vitest";
import type { Probe } from "#api/generated/types";
import { FakeClock } from "#base/fake-clock";
import { seededRandom } from "#base/random";
import { ContainerProbes, type ContainerProbesOptions } from "./container-probes.ts";
import type { ProbeState } from "./probe-state.ts";
import type { ProbeResult } from "./run-probe.ts";

const yes: ProbeResult = { ok: true, message: "" };
const no: ProbeResult = { ok: false, message: "no" };
const unknown: ProbeResult = { ok: false, message: "nobody there", remark: "unknown" };

type Probes = Partial<Record<"startupProbe" | "readinessProbe" | "livenessProbe", Probe>>;

const exec = (command: string, timing: Probe = {}): Probe => ({ exec: { command: [command] }, ...timing });

describe("the probes of a container", () => {
  let probes: ContainerProbes;
  afterEach(() => probes.stop());

  /** Answers in turn, the last for ever; `asked` are the seconds after the start at which each command was asked. */
  function begin(given: Probes, answers: Record<string, readonly ProbeResult[]>, more: Partial<ContainerProbesOptions> = {}) {
    const clock = new FakeClock();
    const asked: Record<string, number[]> = {};
    const states: ProbeState[] = [];
    const told: string[] = [];
    const start = clock.now();
    probes = new ContainerProbes({
      container: { name: "main", ...given },
      containerId: "main-0",
      podIP: "10.0.0.2",
      startedAt: start,
      clock,
      random: seededRandom(7),
      prober: async ({ exec: command }) => {
        const name = command?.command?.[0] ?? "";
        const at = (asked[name] ??= []);
        at.push((clock.now() - start) / 1000);
        const of = answers[name] ?? [yes];
        return of[Math.min(at.length, of.length) - 1] ?? yes;
      },
      changed: () => states.push(probes.state),
      tell: (kind, { message }) => told.push(`${kind} ${message}`),
      ...more,
    });
    return { clock, asked, states, told };
  }

  it("begin after initialDelaySeconds, repeat each periodSeconds", async () => {
    const { clock, asked } = begin({ readinessProbe: exec("ready", { initialDelaySeconds: 7, periodSeconds: 4 }) }, {});
    await clock.advance(20_000);
    expect(asked).toEqual({ ready: [7, 11, 15, 19] });
  });

  it("count the delay by a clock that nobody sets", async () => {
    const given = {
      startupProbe: exec("up", { initialDelaySeconds: 10 }),
      readinessProbe: exec("ready", { initialDelaySeconds: 30 }),
    };
    const { clock, asked } = begin(given, {});
    await clock.advance(5000);
    clock.jump(-3_600_000);
    await clock.advance(24_000);
    expect(asked["up"]).toHaveLength(1);
    expect(asked["ready"]).toBeUndefined();
    await clock.advance(2000);
    expect(asked["ready"]).toHaveLength(1);
  });

  it("count the period from beginning to beginning, however long the answer takes", async () => {
    const clock = new FakeClock();
    const began: number[] = [];
    probes = new ContainerProbes({
      container: { name: "main", readinessProbe: exec("slow", { periodSeconds: 5, timeoutSeconds: 9 }) },
      containerId: "main-0",
      podIP: "",
      startedAt: clock.now(),
      clock,
      random: seededRandom(7),
      prober: async () => {
        began.push(clock.monotonic() / 1000);
        await clock.sleep(began.length === 2 ? 7000 : 3000);
        return yes;
      },
      changed: () => undefined,
      tell: () => undefined,
    });
    await clock.advance(20_000);
    expect(began).toEqual([0, 5, 12, 17]);
  });

  it.each<[string, Probe, readonly ProbeResult[], readonly boolean[]]>([
    ["ready with the first success", {}, [no, yes], [false, true]],
    ["ready after successThreshold in a row", { successThreshold: 2 }, [yes, no, yes, yes], [false, false, false, true]],
    [
      "not ready after failureThreshold in a row",
      { failureThreshold: 2 },
      [yes, no, yes, no, no],
      [true, true, true, true, false],
    ],
    ["unmoved by what cannot be asked", { failureThreshold: 1 }, [yes, unknown, unknown], [true, true, true]],
  ])("readiness: %s", async (_name, timing, answers, expected) => {
    const { clock } = begin({ readinessProbe: exec("ready", { periodSeconds: 1, ...timing }) }, { ready: answers });
    const seen: boolean[] = [];
    for (const _ of expected) {
      await clock.advance(seen.length === 0 ? 0 : 1000);
      seen.push(probes.state.ready);
    }
    expect(seen).toEqual(expected);
  });

  it("liveness: gives up after failureThreshold in a row and asks no more", async () => {
    const livenessProbe = exec("live", { periodSeconds: 10, failureThreshold: 3 });
    const { clock, asked, told } = begin({ livenessProbe }, { live: [no, yes, no, no, no] });
    await clock.advance(30_000);
    expect(probes.state.failure).toBeUndefined();
    await clock.advance(60_000);
    expect(probes.state.failure).toBe("liveness");
    expect(asked["live"]).toEqual([0, 10, 20, 30, 40]);
    expect(told).toEqual(Array.from({ length: 4 }, () => "liveness no"));
  });

  it("startup: the others wait for it, and then begin with their own delays counted from the container's start", async () => {
    const { clock, asked } = begin(
      {
        startupProbe: exec("up", { periodSeconds: 3, failureThreshold: 5 }),
        readinessProbe: exec("ready", { periodSeconds: 100, initialDelaySeconds: 2 }),
        livenessProbe: exec("live", { periodSeconds: 100, initialDelaySeconds: 8 }),
      },
      { up: [no, no, yes] },
    );
    await clock.advance(5000);
    expect(probes.state).toEqual({ started: false, ready: false });
    await clock.advance(5000);
    expect(probes.state).toEqual({ started: true, ready: true });
    expect(asked).toEqual({ up: [0, 3, 6], ready: [6], live: [8] });
  });

  it("startup: gives up after failureThreshold", async () => {
    const startupProbe = exec("up", { periodSeconds: 3, failureThreshold: 2 });
    const { clock, asked } = begin({ startupProbe, livenessProbe: exec("live") }, { up: [no] });
    await clock.advance(60_000);
    expect(probes.state.failure).toBe("startup");
    expect(asked).toEqual({ up: [0, 3] });
  });

  it("abort the question when timeoutSeconds are over", async () => {
    const aborted: number[] = [];
    const clock = new FakeClock();
    probes = new ContainerProbes({
      container: { name: "main", livenessProbe: exec("hangs", { periodSeconds: 60, timeoutSeconds: 4 }) },
      containerId: "main-0",
      podIP: "",
      startedAt: clock.now(),
      clock,
      random: seededRandom(7),
      prober: (_probe, _target, signal) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            aborted.push(clock.monotonic());
            resolve(no);
          });
        }),
      changed: () => undefined,
      tell: () => undefined,
    });
    await clock.advance(10_000);
    expect(aborted).toEqual([4000]);
  });

  it("of a pod on its way out: liveness and startup end, readiness goes on", async () => {
    const { clock, asked } = begin(
      {
        readinessProbe: exec("ready", { periodSeconds: 5, failureThreshold: 1 }),
        livenessProbe: exec("live", { periodSeconds: 5, failureThreshold: 1 }),
      },
      { ready: [yes, no], live: [yes, no] },
    );
    await clock.advance(1000);
    probes.retire();
    await clock.advance(9000);
    expect(asked).toEqual({ ready: [0, 5, 10], live: [0] });
    expect(probes.state).toEqual({ started: true, ready: false });
  });

  it("after a restart of the agent keep what was known, and begin at a random moment of their first period", async () => {
    const known = { started: true, ready: true };
    const timing = { periodSeconds: 10, initialDelaySeconds: 1 };
    const { clock, asked } = begin(
      { startupProbe: exec("up"), readinessProbe: exec("ready", timing), livenessProbe: exec("live", timing) },
      {},
      { known },
    );
    expect(probes.state).toEqual(known);
    await clock.advance(11_000);
    expect(asked["up"]).toBeUndefined();
    const [ready, live] = [asked["ready"]?.[0] ?? 0, asked["live"]?.[0] ?? 0];
    expect(ready).toBeGreaterThan(1);
    expect(live).toBeGreaterThan(1);
    expect(ready).not.toBe(live);
  });
});
