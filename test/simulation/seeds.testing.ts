import { systemClock } from "#base/clock";
import { systemRandom } from "#base/random";
import { memoryPki } from "#cluster/pki/pki";
import { expect } from "vitest";
import { type Run, simulate } from "./simulate.ts";

/** `SKIFF_SIMULATION_SEED=17` runs that one seed alone, and tells its story. */
const only = process.env["SKIFF_SIMULATION_SEED"];

export function serviceAccountKey(): Promise<string> {
  return memoryPki(systemClock, systemRandom).then((pki) => pki.signingKey("sa"));
}

export async function expectNoViolations(first: number, count: number): Promise<void> {
  const key = await serviceAccountKey();
  const seeds = only === undefined ? Array.from({ length: count }, (_, index) => first + index) : [Number(only)];
  for (const seed of seeds) {
    const run = await simulate({ seed, serviceAccountKey: key });
    if (only !== undefined) console.log(run.story.join("\n"));
    expect(run.violations, describeRun(run)).toEqual([]);
  }
}

export function describeRun({ seed, violations, story }: Run): string {
  return `seed ${seed}: ${violations.join("; ")}\nSKIFF_SIMULATION_SEED=${seed} tells its story, which ends with\n${story.slice(-15).join("\n")}`;
}
