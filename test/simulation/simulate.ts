import { createHash, type Hash } from "node:crypto";
import type { Random } from "#base/random";
import { seededRandom } from "#base/random";
import { Cluster } from "./cluster.ts";
import { whatIsLeftToDo } from "./converged.ts";
import { type Faults, noFaults } from "./faulty-transport.ts";
import type { Write } from "./history.ts";
import { safetyRules, type Rule } from "./rules.ts";
import { User } from "./user.ts";
import { type Component, type Parts, World } from "./world.ts";

export interface Run {
  readonly seed: number;
  /** The rules that were broken, or what never came to rest. Empty: all is well. */
  readonly violations: readonly string[];
  readonly writes: number;
  /** Of the whole log: the same for the same seed. */
  readonly digest: string;
  /** The last of what happened, for people. */
  readonly story: readonly string[];
}

export interface SimulateOptions {
  readonly seed: number;
  readonly serviceAccountKey: string;
  readonly parts?: Parts;
}

const roughMs = 60_000;
const longestRestMs = 1_800_000;
const quietMs = 15_000;
const mostViolations = 5;
const storyLength = 150;

/** One cluster from its beginning over a rough while to its rest, all of it decided by the seed. */
export async function simulate({ seed, serviceAccountKey, parts }: SimulateOptions): Promise<Run> {
  const dice = seededRandom(seed);
  const calm = dice.float() < 0.5;
  const watch = new Watchman(safetyRules({ calm }));
  const killed: Component[] = [];
  let world: World | undefined;
  const onWrite = (component: Component, when: string): void => {
    if (world === undefined || world.faults === noFaults || dice.float() >= 0.01) return;
    watch.note(`${component} is killed ${when} a write`);
    world.kill(component);
    killed.push(component);
  };
  const observe = (write: Write): void => watch.see(write);
  world = await World.create({ seed: seed + 1_000_000, nodes: 3, serviceAccountKey, observe, onWrite, ...(parts && { parts }) });
  const user = new User({ world, cluster: watch.cluster, random: dice, calm });
  world.faults = rollFaults(dice);
  while (world.clock.monotonic() < roughMs && watch.violations.length === 0) {
    watch.note("the user acts");
    await user.act();
    if (dice.float() < 0.05) await restartServer(world, dice, watch);
    await world.clock.advance(dice.float() * 6_000);
    for (const component of killed.splice(0)) if (!world.isRunning(component)) world.start(component);
  }
  await comeToRest(world, user, watch, killed);
  await world.close();
  return { seed, violations: watch.violations, writes: watch.writes, digest: watch.digest(), story: watch.story };
}

/** Some worlds are healthy, others hardly work at all. */
function rollFaults(dice: Random): Faults {
  const badness = dice.float() ** 2;
  const upTo = (most: number): number => dice.float() * most * badness;
  return { lost: upTo(0.2), unanswered: upTo(0.15), refused: upTo(0.1), slow: upTo(0.3), dropped: upTo(0.1), late: upTo(0.2) };
}

async function restartServer(world: World, dice: Random, watch: Watchman): Promise<void> {
  watch.note("the API server is killed");
  world.killServer();
  await world.clock.advance(dice.float() * 3_000);
  await world.startServer();
}

async function comeToRest(world: World, user: User, watch: Watchman, killed: readonly Component[]): Promise<void> {
  if (watch.violations.length > 0) return;
  world.faults = noFaults;
  for (const component of killed) if (!world.isRunning(component)) world.start(component);
  await user.settle();
  const began = world.clock.now();
  let left: readonly string[] = [];
  while (watch.violations.length === 0 && world.clock.now() - began < longestRestMs) {
    await world.clock.advance(5_000);
    if (world.clock.now() - watch.lastWriteAt < quietMs) continue;
    left = whatIsLeftToDo(watch.cluster);
    if (left.length === 0) return;
  }
  for (const what of left) watch.violate("it comes to rest", what);
  if (left.length === 0) watch.violate("it comes to rest", "somebody keeps writing");
}

/** Sees every write, and remembers what was wrong with it. */
class Watchman {
  readonly cluster = new Cluster();
  readonly violations: string[] = [];
  readonly story: string[] = [];
  readonly #rules: readonly Rule[];
  readonly #log: Hash = createHash("sha256");
  writes = 0;
  lastWriteAt = 0;

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  see(write: Write): void {
    this.writes++;
    this.#log.update(`${write.revision} ${write.at} ${write.key} ${JSON.stringify(write.after ?? null)}\n`);
    this.cluster.apply(write);
    if (write.key.startsWith("/registry/coordination.k8s.io/leases/kube-node-lease")) return;
    this.lastWriteAt = write.at;
    this.note(describe(write));
    for (const rule of this.#rules) {
      const wrong = rule.check(write, this.cluster);
      if (wrong !== undefined) this.violate(rule.name, `${write.key}: ${wrong}`);
    }
  }

  violate(rule: string, what: string): void {
    if (this.violations.length < mostViolations) this.violations.push(`${rule}: ${what}`);
    this.note(`VIOLATION ${rule}: ${what}`);
  }

  note(what: string): void {
    if (this.violations.length >= mostViolations) return;
    this.story.push(`${new Date(this.cluster.now).toISOString().slice(14, 23)} ${what}`);
    if (this.story.length > storyLength) this.story.shift();
  }

  digest(): string {
    return this.#log.digest("hex");
  }
}

function describe({ key, before, after, revision }: Write): string {
  const what = before === undefined ? "created" : after === undefined ? "removed" : "changed";
  const { spec, status } = (after ?? {}) as { spec?: Record<string, unknown>; status?: Record<string, unknown> };
  const facts = { replicas: spec?.["replicas"], node: spec?.["nodeName"], phase: status?.["phase"] };
  const going = after?.metadata.deletionTimestamp === undefined ? "" : " going";
  return `${revision} ${what} ${key.replace("/registry/", "")} ${JSON.stringify(facts)}${going}`;
}
