import { expect, test } from "vitest";
import { age, humanDuration } from "./table-cells.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

// The table of apimachinery's duration_test.go.
test.each([
  [-2 * second, "<invalid>"],
  [-2 * second + 1, "0s"],
  [0, "0s"],
  [second - 1, "0s"],
  [second, "1s"],
  [70 * second, "70s"],
  [2 * minute - 1, "119s"],
  [2 * minute, "2m"],
  [2 * minute + second, "2m1s"],
  [190 * second, "3m10s"],
  [10 * minute - 1, "9m59s"],
  [10 * minute, "10m"],
  [10 * minute + second, "10m"],
  [70 * minute, "70m"],
  [3 * hour - 1, "179m"],
  [3 * hour, "3h"],
  [3 * hour + minute, "3h1m"],
  [8 * hour - 1, "7h59m"],
  [8 * hour, "8h"],
  [8 * hour + 59 * minute, "8h"],
  [2 * day - 1, "47h"],
  [2 * day, "2d"],
  [2 * day + hour, "2d1h"],
  [8 * day - 1, "7d23h"],
  [8 * day, "8d"],
  [8 * day + 23 * hour, "8d"],
  [367 * day, "367d"],
  [730 * day - 1, "729d"],
  [730 * day, "2y"],
  [730 * day + 23 * hour, "2y"],
  [731 * day - 1, "2y"],
  [731 * day, "2y1d"],
  [3 * 365 * day, "3y"],
  [8 * 365 * day - 1, "7y364d"],
  [8 * 365 * day, "8y"],
  [8 * 365 * day + 364 * day, "8y"],
])("%d ms are %s", (ms, expected) => {
  expect(humanDuration(ms)).toBe(expected);
});

test("without a time the age is unknown", () => {
  expect(age(undefined, 0)).toBe("<unknown>");
  expect(age("1970-01-01T00:00:00Z", 5000)).toBe("5s");
});
