import { systemRandom } from "#base/random";

/** `SKIFF_CRASH_SEED=17` repeats the choices of a run; when what happens is up to the machine, they only come near it. */
export function crashSeed(): number {
  const seed = numberFrom("SKIFF_CRASH_SEED") ?? Math.floor(systemRandom.float() * 1_000_000);
  console.log(`SKIFF_CRASH_SEED=${seed}`);
  return seed;
}

export function numberFrom(variable: string): number | undefined {
  const text = process.env[variable];
  return text === undefined ? undefined : Number(text);
}
