import { systemClock } from "#base/clock";
import { systemRandom } from "#base/random";
import { memoryPki } from "#cluster/pki/pki";
import { expect } from "vitest";
import { checkHistory, type Violation } from "./check.ts";
import type { History } from "./history.ts";

/** `SKIFF_HISTORY_SEED=17` runs that one seed alone. */
const only = process.env["SKIFF_HISTORY_SEED"];
/** `SKIFF_HISTORY_ROUNDS=50` runs fifty times as many seeds as usual. */
const rounds = Number(process.env["SKIFF_HISTORY_ROUNDS"] ?? "1");

export function seedsFrom(first: number, count: number): readonly number[] {
  return only === undefined ? Array.from({ length: count * rounds }, (_, index) => first + index) : [Number(only)];
}

export function serviceAccountKey(): Promise<string> {
  return memoryPki(systemClock, systemRandom).then((pki) => pki.signingKey("sa"));
}

export function expectKept(history: History, seed: number): void {
  const violations = checkHistory(history);
  expect(violations, report(seed, violations)).toEqual([]);
}

function report(seed: number, violations: readonly Violation[]): string {
  const lines = violations.map(({ rule, what }) => `${rule}: ${what}`);
  return `seed ${seed} (SKIFF_HISTORY_SEED=${seed} runs it again):\n${lines.join("\n")}`;
}
