import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { pods } from "#api/resource-type";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { type Random, seededRandom } from "#base/random";
import { SmallApi } from "#client/small-api.testing";
import type { Transport } from "#client/transport";
import { createClient } from "#client/transport-client";
import { hollowNode } from "./hollow-node.ts";
import { runNodeAgent } from "./main.ts";
import type { FakeProgram, FakeRuntime } from "./runtime/fake-runtime.ts";

const seeds = Number(process.env["SKIFF_CRASH_SEEDS"] ?? 60);
const firstSeed = Number(process.env["SKIFF_CRASH_SEED"] ?? 1);
const crashesEach = 6;
const atOnce = 10;
const patienceMs = 60_000;

/** What each container does by its attempt, and so how it must end: written down here, not asked of what is tested. */
interface Expected {
  readonly pod: NonNullable<Pod["spec"]>;
  readonly programs: Readonly<Record<string, readonly FakeProgram[]>>;
  readonly phase: string;
  readonly starts: Readonly<Record<string, number>>;
  readonly exitCodes: Readonly<Record<string, number>>;
}

const container = (name: string) => ({ name, image: "nginx:1", imagePullPolicy: "IfNotPresent" });
const ends = (code: number, afterMs = 700): FakeProgram => ({ exits: { afterMs, code } });

const expectations: Readonly<Record<string, Expected>> = {
  serving: {
    pod: { containers: [container("serving-a"), container("serving-b")] },
    programs: {},
    phase: "Running",
    starts: { "serving-a": 1, "serving-b": 1 },
    exitCodes: {},
  },
  once: {
    pod: { restartPolicy: "Never", containers: [container("once-a")] },
    programs: { "once-a": [ends(3)] },
    phase: "Failed",
    starts: { "once-a": 1 },
    exitCodes: { "once-a": 3 },
  },
  again: {
    pod: { restartPolicy: "OnFailure", containers: [container("again-a")] },
    programs: { "again-a": [ends(7), ends(0)] },
    phase: "Succeeded",
    starts: { "again-a": 2 },
    exitCodes: { "again-a": 0 },
  },
  initialized: {
    pod: { initContainers: [container("init-a"), container("init-b")], containers: [container("init-main")] },
    programs: { "init-a": [ends(0, 0)], "init-b": [ends(0)] },
    phase: "Running",
    starts: { "init-a": 1, "init-b": 1, "init-main": 1 },
    exitCodes: { "init-a": 0, "init-b": 0 },
  },
  accompanied: {
    pod: {
      restartPolicy: "Never",
      initContainers: [{ ...container("beside"), restartPolicy: "Always" }],
      containers: [container("work")],
    },
    programs: { work: [ends(0)] },
    phase: "Succeeded",
    starts: { beside: 1, work: 1 },
    exitCodes: { work: 0 },
  },
};

/**
 * The agent dies before or after any call that it makes: it is not told, the call never returns, and another begins with what is
 * there. Replay one with SKIFF_CRASH_SEED and SKIFF_CRASH_SEEDS=1.
 */
describe("an agent that dies at any call", () => {
  it(`runs nothing twice, tells what happened and leaves nothing, ${seeds} times from seed ${firstSeed}`, async () => {
    let next = firstSeed;
    const lane = async (): Promise<void> => {
      for (let seed = next++; seed < firstSeed + seeds; seed = next++) {
        expect(await live(seededRandom(seed)), `seed ${seed}`).toEqual([]);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
  }, 300_000);
});

async function live(random: Random): Promise<readonly string[]> {
  const stateDirectory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "skiff-crash-"));
  const clock = new FakeClock();
  const api = new SmallApi();
  const client = createClient(api);
  const program = ({ name, attempt }: { name: string; attempt: number }): FakeProgram =>
    Object.values(expectations).flatMap(({ programs }) => programs[name] ?? [])[attempt] ?? {};
  const base = hollowNode({
    nodeName: "node-1",
    nodeAddress: "172.30.0.2",
    podCidr: "10.244.1.0/24",
    client,
    stateDirectory,
    program,
    clock,
    random,
    log: silentLogger,
    signal: new AbortController().signal,
  });
  let left = crashesEach;
  let agent = { stop: new AbortController(), dead: false };
  const dies = () => left > 0 && random.float() < 0.04;
  const start = (): void => {
    const self = { stop: new AbortController(), dead: false };
    agent = self;
    const isDead = (): boolean => self.dead;
    const die = (): Promise<never> => {
      if (!self.dead) left--;
      self.dead = true;
      return new Promise<never>(() => undefined);
    };
    const mortal = async <T>(call: () => Promise<T>): Promise<T> => {
      if (self.dead || dies()) return die();
      const answer = await call();
      return isDead() || dies() ? die() : answer;
    };
    const transport: Transport = {
      send: (call) => mortal(() => api.send(call)),
      watch: (call) => api.watch(call),
      stream: () => api.stream(),
    };
    void runNodeAgent({
      ...base,
      runtime: mortalRuntime(base.runtime, mortal),
      client: createClient(transport),
      signal: self.stop.signal,
    }).catch(() => undefined);
  };
  const step = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    // Files are really written, and that takes as long as it takes.
    await sleep(1);
    if (!agent.dead) return;
    agent.stop.abort();
    start();
  };
  const until = async (done: () => Promise<readonly string[]>): Promise<readonly string[]> => {
    let complaints: readonly string[] = [];
    for (const giveUpAt = performance.now() + patienceMs; performance.now() < giveUpAt;) {
      await step(50 + Math.floor(random.float() * 250));
      complaints = await done();
      if (complaints.length === 0) return [];
    }
    return complaints;
  };

  try {
    start();
    for (const [name, { pod }] of Object.entries(expectations)) {
      await client.create<Pod>(pods, {
        metadata: { namespace: "default", name },
        spec: { nodeName: "node-1", terminationGracePeriodSeconds: 2, dnsPolicy: "Default", restartPolicy: "Always", ...pod },
        status: { phase: "Pending", qosClass: "BestEffort" },
      });
      await step(Math.floor(random.float() * 300));
    }
    const read = async (): Promise<readonly Stored<Pod>[]> => (await client.list(pods)).items;
    const wrong = await until(async () => (await read()).flatMap((pod) => untrue(pod, base.runtime.calls)));
    if (wrong.length > 0) return wrong;
    left = crashesEach;
    for (const { metadata } of await read()) {
      const key = { namespace: "default", name: metadata.name };
      if (random.float() < 0.8) await client.delete(pods, key, { gracePeriodSeconds: 2 });
      else await client.delete(pods, key, { gracePeriodSeconds: 0 });
      await step(Math.floor(random.float() * 300));
    }
    const remains = await until(async () => [
      ...(await read()).map(({ metadata }) => `${metadata.name} is in the API still`),
      ...(await base.runtime.list()).containers.map(({ id }) => `container ${id} is there still`),
      ...(await base.runtime.list()).sandboxes.map(({ id }) => `sandbox ${id} is there still`),
      ...["pods", "logs"].flatMap((folder) => readdirSync(join(stateDirectory, folder))).map((name) => `${name} is there still`),
    ]);
    return [...remains, ...startedTwice(base.runtime.calls)];
  } finally {
    agent.stop.abort();
    await sleep(1);
    rmSync(stateDirectory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Only `list` and what follows it see the runtime as it is: everything else can be the agent's last call. */
function mortalRuntime(runtime: FakeRuntime, mortal: <T>(call: () => Promise<T>) => Promise<T>): FakeRuntime {
  return new Proxy(runtime, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      return name === "changes" ? method : (...args: unknown[]) => mortal(async () => method(...args));
    },
  });
}

/** Of a pod that has been left alone, everything that is not as it should be. */
function untrue(pod: Stored<Pod>, calls: readonly string[]): string[] {
  const { name } = pod.metadata;
  const { phase, starts, exitCodes } = expectations[name]!;
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const complaints = pod.status?.phase === phase ? [] : [`${name} is ${pod.status?.phase} and not ${phase}`];
  for (const [container, count] of Object.entries(starts)) {
    const ran = calls.filter((call) => call.startsWith(`start ${container}/`)).length;
    const status = statuses.find((one) => one.name === container);
    if (ran !== count) complaints.push(`${container} was started ${ran} times, not ${count}`);
    if (status?.restartCount !== count - 1)
      complaints.push(`${container} is told to have restarted ${status?.restartCount} times`);
    const exitCode = exitCodes[container];
    if (
      exitCode === undefined
        ? phase === "Running" && status?.state?.running === undefined
        : status?.state?.terminated?.exitCode !== exitCode
    )
      complaints.push(`${container} is ${JSON.stringify(status?.state)}`);
  }
  return complaints;
}

function startedTwice(calls: readonly string[]): string[] {
  const starts = calls.filter((call) => call.startsWith("start "));
  return starts.filter((call, index) => starts.indexOf(call) !== index).map((call) => `twice: ${call}`);
}
