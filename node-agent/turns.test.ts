import { expect, test } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { Turns } from "./turns.ts";

test("who is furthest goes first, of equals who came first", async () => {
  const turns = new Turns({ clock: new FakeClock(), atOnce: 1 });
  const order: string[] = [];
  const one = async (name: string, progress: number): Promise<void> => {
    const end = await turns.take(progress);
    order.push(name);
    end();
  };
  const end = await turns.take(0);
  const all = [one("a", 0), one("b", 0), one("c", 2), one("d", 1), one("e", 2)];
  end();
  await Promise.all(all);
  expect(order).toEqual(["c", "e", "d", "a", "b"]);
  expect(turns.isFree).toBe(true);
});

test("one that hangs keeps nobody else waiting, and its end is not counted twice", async () => {
  const clock = new FakeClock();
  const turns = new Turns({ clock, atOnce: 1 });
  const endHanging = await turns.take(0);
  let hasBegun = false;
  const next = turns.take(0).then((end) => {
    hasBegun = true;
    return end;
  });
  await clock.advance(900);
  expect(hasBegun).toBe(false);
  await clock.advance(200);
  expect(hasBegun).toBe(true);
  endHanging();
  expect(turns.isFree).toBe(false);
  (await next)();
  expect(turns.isFree).toBe(true);
});
