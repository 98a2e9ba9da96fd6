import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { packageRoot } from "#base/package-root";
import { expect, test } from "vitest";
import { hasOwnServers } from "./api-under-test.ts";
import type { Left } from "./many-watchers-main.ts";
import type { Grown } from "./slow-watchers-main.ts";

const inProcess = 10_000;
const overTls = 100;
const rounds = 3;

test.runIf(hasOwnServers)(
  "10,000 watchers at once, and 100 more over TLS, leave nothing behind when they have gone",
  async () => {
    const left = await run<Left>("many-watchers-main.ts", inProcess, overTls, rounds);
    expect(left).toHaveLength(rounds);
    // The first one loads code, and makes what is kept for good.
    const [, second, ...later] = left;
    for (const last of later) {
      expect(last.events).toBe(inProcess + overTls);
      expect(last.sockets).toBe(second!.sockets);
      expect(last.sleeps).toBe(second!.sleeps);
      expect(last.timers).toBeLessThanOrEqual(second!.timers);
    }
    const last = left.at(-1)!;
    // Two hundred bytes for each of them would be more.
    expect(last.heap - second!.heap, JSON.stringify(left)).toBeLessThan(2_000_000);
    expect(last.outside - second!.outside, JSON.stringify(left)).toBeLessThan(2_000_000);
  },
  120_000,
);

test.runIf(hasOwnServers)(
  "forty watchers that never read cost no more memory than one, and hold up nobody who does",
  async () => {
    const writes = 100;
    const size = 300_000;
    const [one, forty] = await Promise.all([1, 40].map((count) => run<Grown>("slow-watchers-main.ts", count, writes, size)));
    expect(forty![0]).toMatchObject({ open: 40, told: writes });
    // Who does not read is put out after ten seconds, and whoever it holds up would be so as long.
    expect(forty![0]!.longestMs).toBeLessThan(9_000);
    // What one of them has not read is a third of all at the least, and of forty it would be half a gigabyte.
    expect(forty![0]!.grown - one![0]!.grown, JSON.stringify([one, forty])).toBeLessThan(40_000_000);
  },
  120_000,
);

/** In a process of its own. @returns what it says, line by line */
async function run<T>(program: string, ...numbers: number[]): Promise<T[]> {
  const args = ["--expose-gc", "--conditions=source", "--import", "tsx", `test/api/${program}`, ...numbers.map(String)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: packageRoot });
  const lines = stdout.trim().split("\n");
  return lines.map((line) => JSON.parse(line) as T);
}
