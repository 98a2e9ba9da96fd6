import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { packageRoot } from "#base/package-root";
import { expect, test } from "vitest";
import { hasOwnServers } from "./api-under-test.ts";
import type { Left } from "./many-watchers-main.ts";

const inProcess = 10_000;
const overTls = 100;
const rounds = 3;

test.runIf(hasOwnServers)(
  "10,000 watchers at once, and 100 more over TLS, leave nothing behind when they have gone",
  async () => {
    const args = ["--expose-gc", "--conditions=source", "--import", "tsx", "test/api/many-watchers-main.ts"];
    const numbers = [inProcess, overTls, rounds].map(String);
    const { stdout } = await promisify(execFile)(process.execPath, [...args, ...numbers], { cwd: packageRoot });
    const left = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Left);
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
