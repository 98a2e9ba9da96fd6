import { expect, it } from "vitest";
import { SharedTasks } from "./shared-tasks.ts";

it("runs one task for all who ask at once, and a new one afterwards", async () => {
  const tasks = new SharedTasks<number>();
  let runs = 0;
  const run = () => tasks.run("key", new AbortController().signal, async () => ++runs);
  expect(await Promise.all([run(), run(), run()])).toEqual([1, 1, 1]);
  expect(await run()).toBe(2);
});

it("goes on while one of them waits and is aborted with the last", async () => {
  const tasks = new SharedTasks<never>();
  let aborted = false;
  const [first, second] = [new AbortController(), new AbortController()];
  const task = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        aborted = true;
        reject(new Error("aborted"));
      });
    });
  const [one, two] = [tasks.run("key", first.signal, task), tasks.run("key", second.signal, task)];
  first.abort(new Error("one left"));
  await expect(one).rejects.toThrow("one left");
  expect(aborted).toBe(false);
  second.abort(new Error("two left"));
  await expect(two).rejects.toThrow("two left");
  expect(aborted).toBe(true);
});
