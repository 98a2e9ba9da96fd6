import { describe, expect, it } from "vitest";
import { nextPressure } from "./pressure.ts";
import { defaultThresholds, metThresholds, type Observation, type Signal } from "./thresholds.ts";

const GiB = 2 ** 30;
const machine = (more: Partial<Record<Signal, Observation>>) =>
  new Map(
    Object.entries({
      "memory.available": { available: 4 * GiB, capacity: 16 * GiB },
      "nodefs.available": { available: 40 * GiB, capacity: 500 * GiB },
      "nodefs.inodesFree": { available: 900, capacity: 1000 },
      ...more,
    }) as [Signal, Observation][],
  );

describe("thresholds", () => {
  it.each<[string, Partial<Record<Signal, Observation>>, Signal[]]>([
    ["a laptop's disk that is 92 % full is no pressure", {}, []],
    [
      "a disk with next to nothing left is",
      { "nodefs.available": { available: GiB / 4, capacity: 500 * GiB } },
      ["nodefs.available"],
    ],
    [
      "memory comes first",
      {
        "nodefs.available": { available: 1, capacity: GiB },
        "memory.available": { available: 99 * 2 ** 20, capacity: GiB },
      },
      ["memory.available", "nodefs.available"],
    ],
    ["a file system that counts no inodes is never short of them", { "nodefs.inodesFree": { available: 0, capacity: 0 } }, []],
  ])("%s", (_name, more, expected) => {
    expect(metThresholds(machine(more), defaultThresholds).map(({ signal }) => signal)).toEqual(expected);
  });

  it("are remembered for five minutes after they were last met", () => {
    const met = [{ signal: "memory.available" as const, least: 2, available: 1 }];
    const first = nextPressure(new Map(), met, 1000);
    expect([...first.keys()]).toEqual(["MemoryPressure"]);
    const later = nextPressure(first, [], 300_999);
    expect(later.has("MemoryPressure")).toBe(true);
    expect(nextPressure(later, [], 301_000).size).toBe(0);
  });
});
