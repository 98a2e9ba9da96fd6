import { describe, expect, test } from "vitest";
import { brokenStores, Mistaken } from "./broken-stores.ts";
import { checkHistory } from "./check.ts";
import { exerciseMemory } from "./in-memory.ts";
import { serviceAccountKey } from "./seeds.testing.ts";

const mostSeeds = 30;

describe("a store that", () => {
  test.each(brokenStores)("$what is caught, and the same without the mistake is not", { timeout: 120_000 }, async (broken) => {
    const key = await serviceAccountKey();
    const run = { serviceAccountKey: key, operations: 300 };
    const found = new Set<string>();
    let seed = 0;
    for (; seed < mostSeeds && !found.has(broken.caughtBy); seed++) {
      const stores: Mistaken[] = [];
      const history = await exerciseMemory({
        ...run,
        seed,
        instead: (storage, random) => {
          const store = broken.make(storage, random);
          stores.push(store);
          return store;
        },
      });
      const violations = checkHistory(history);
      if (stores.every(({ mistakes }) => mistakes === 0)) expect(violations).toEqual([]);
      for (const { rule } of violations) found.add(rule);
    }
    expect([...found]).toContain(broken.caughtBy);
    const instead = (...args: ConstructorParameters<typeof Mistaken>): Mistaken => new Mistaken(...args);
    expect(checkHistory(await exerciseMemory({ ...run, seed: seed - 1, instead }))).toEqual([]);
  });
});
