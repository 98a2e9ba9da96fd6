import { expect, it } from "vitest";
import { identifyProcess, isAlive, parseStat } from "./process-table.ts";

it("reads a command name with spaces and parentheses", () => {
  const fields = Array.from({ length: 20 }, (_, index) => String(index));
  expect(parseStat(`7 (a) b (c) S ${fields.slice(1).join(" ")}`)).toEqual({ state: "S", parent: 1, session: 3, startTime: 19 });
});

it("does not take a process for another of the same number", async () => {
  const own = await identifyProcess(process.pid);
  expect(await isAlive(own!)).toBe(true);
  expect(await isAlive({ pid: process.pid, startTime: own!.startTime - 1 })).toBe(false);
});
