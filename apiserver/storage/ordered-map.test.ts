import { describe, expect, it } from "vitest";
import { seededRandom } from "#base/random";
import { OrderedMap } from "./ordered-map.ts";

const count = 3000;
const keys = Array.from({ length: count }, (_, index) => `/${"abc"[index % 3] ?? ""}/${String(index).padStart(5, "0")}`).sort();

/** In another order each time. */
function shuffled(seed: number): string[] {
  const random = seededRandom(seed);
  return keys
    .map((key) => ({ key, at: random.float() }))
    .sort((one, other) => one.at - other.at)
    .map(({ key }) => key);
}

describe("an ordered map", () => {
  const orders = { "in order": keys, "from behind": keys.toReversed(), "in no order": shuffled(1) };
  for (const [name, order] of Object.entries(orders)) {
    it(`gives keys and values in order when it is filled ${name}, also after some have gone`, () => {
      const map = new OrderedMap<string>();
      for (const key of order) map.set(key, `value of ${key}`);
      expect([...map.keys("")]).toEqual(keys);
      for (const gone of shuffled(2).slice(0, count / 2)) map.delete(gone);
      map.set("/d/last", "value of /d/last");
      const left = [...keys, "/d/last"].filter((key) => map.has(key));
      expect(left).toHaveLength(count / 2 + 1);
      for (const prefix of ["", "/b/", "/d", "/e", "/b/01"]) {
        const below = left.filter((key) => key.startsWith(prefix));
        expect([...map.keys(prefix)]).toEqual(below);
        expect(map.values(prefix)).toEqual(below.map((key) => `value of ${key}`));
        expect(map.count(prefix)).toBe(below.length);
        for (const after of ["", "/a/00300", "/b/", below[0] ?? "", below.at(-1) ?? "", "/z"])
          expect(map.count(prefix, after), `${prefix} after ${after}`).toBe(below.filter((key) => key > after).length);
      }
    });
  }

  it("replaces a value without naming its key twice", () => {
    const map = new OrderedMap<number>();
    for (const value of [1, 2]) map.set("/a", value);
    expect([[...map.keys("")], map.values(""), map.size]).toEqual([["/a"], [2], 1]);
  });

  it("gives the keys behind one", () => {
    const map = new OrderedMap<true>();
    for (const key of keys) map.set(key, true);
    const after = keys[1500] ?? "";
    expect([...map.keys("", after)]).toEqual(keys.slice(1501));
  });
});
