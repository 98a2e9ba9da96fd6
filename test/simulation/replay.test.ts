import { expect, test } from "vitest";
import { serviceAccountKey } from "./seeds.testing.ts";
import { simulate } from "./simulate.ts";

test("a seed leads to the same log, byte for byte", { timeout: 60_000 }, async () => {
  const key = await serviceAccountKey();
  for (const seed of [1, 2, 3, 4, 5]) {
    const [first, second] = [await simulate({ seed, serviceAccountKey: key }), await simulate({ seed, serviceAccountKey: key })];
    expect([second.digest, second.writes, second.story]).toEqual([first.digest, first.writes, first.story]);
  }
});

test("another seed leads elsewhere", { timeout: 60_000 }, async () => {
  const key = await serviceAccountKey();
  const digests = [];
  for (const seed of [1, 2, 3, 4, 5]) digests.push((await simulate({ seed, serviceAccountKey: key })).digest);
  expect(new Set(digests).size).toBe(5);
});
