import { expect, it } from "vitest";
import { stopSignalNumber } from "./stop-signal.ts";

it.each([
  [undefined, 15],
  ["SIGQUIT", 3],
  ["quit", 3],
  ["9", 9],
  ["SIGRTMIN+3", 37],
  ["RTMAX-1", 63],
  ["SIGNONSENSE", 15],
])("reads %j as %d", (name, number) => {
  expect(stopSignalNumber(name)).toBe(number);
});
