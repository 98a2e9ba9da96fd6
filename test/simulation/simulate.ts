import type { Random } from "#base/random";
import { seededRandom } from "#base/random";
import { Cluster } from "./cluster.ts";
import { whatIsLeftToDo } from "./converged.ts";
import { type Faults, noFaults } from "./faulty-transport.ts";
import type { Write } from "./history.ts";
import { safetyRules } from "./rules.ts";
import { User } from "./user.ts";
import { Watchman } from "./watchman.ts";
import { type Component, World } from "./world.ts";

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
}

const roughMs = 45_000;
const longestRestMs = 1_800_000;
const quietMs = 15_000;

/** One cluster from its beginning over a rough while to its rest, all of it decided by the seed. */
export async function simulate({ seed, serviceAccountKey }: SimulateOptions): Promise<Run> {
  const dice = seededRandom(seed);
  const calm = dice.float() < 0.5;
  const standby = dice.float() < 0.2;
  const faults = dice.float() < 0.4 ? noFaults : rollFaults(dice);
  const windowMs = faults === noFaults ? 15_000 : 60_000;
  const watch = new Watchman(new Cluster({ windowMs }), safetyRules({ calm }));
  let isRough = false;
  const onWrite = (component: Component, when: string): void => {
    if (!isRough || dice.float() >= 0.01) return;
    watch.note(`${component} is killed ${when} a write`);
    world.kill(component);
  };
  const observe = (write: Write): void => watch.see(write);
  const world = await World.create({ seed: seed + 1_000_000, nodes: 4, serviceAccountKey, observe, onWrite, standby });
  const user = new User({ world, cluster: watch.cluster, random: dice, calm });
  await user.begin();
  world.faults = faults;
  isRough = true;
  const began = world.clock.monotonic();
  while (world.clock.monotonic() - began < roughMs && watch.violations.length === 0) {
    watch.note("the user acts");
    await user.act();
    if (dice.float() < 0.08) await restartServer(world, dice, watch);
    await world.clock.advance(dice.float() * 6_000);
    restartComponents(world);
  }
  isRough = false;
  await comeToRest(world, user, watch);
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

function restartComponents(world: World): void {
  for (const component of world.components) if (!world.isRunning(component)) world.start(component);
}

async function comeToRest(world: World, user: User, watch: Watchman): Promise<void> {
  if (watch.violations.length > 0) return;
  world.faults = noFaults;
  await user.settle();
  const began = world.clock.now();
  let left: readonly string[] = [];
  while (watch.violations.length === 0 && world.clock.now() - began < longestRestMs) {
    restartComponents(world);
    await world.clock.advance(5_000);
    if (world.clock.now() - watch.lastWriteAt < quietMs) continue;
    left = whatIsLeftToDo(watch.cluster);
    if (left.length === 0) return;
  }
  for (const what of left) watch.violate("it comes to rest", what);
  if (left.length === 0) watch.violate("it comes to rest", "somebody keeps writing");
}
