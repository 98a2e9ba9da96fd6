import { describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { Deadlines } from "./deadlines.ts";

describe("deadlines", () => {
  it("come due when their time is up, not before, each length by itself", async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    const late: string[] = [];
    deadlines.set(1000, () => void late.push("first"));
    await clock.advance(600);
    deadlines.set(1000, () => void late.push("second"));
    deadlines.set(100, () => void late.push("short"));
    await clock.advance(99);
    expect(late).toEqual([]);
    await clock.advance(1);
    expect(late).toEqual(["short"]);
    await clock.advance(300);
    expect(late).toEqual(["short", "first"]);
    await clock.advance(600);
    expect(late).toEqual(["short", "first", "second"]);
  });

  it("that are left early are not called, and later ones are not held up by them", async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    const late: string[] = [];
    deadlines.set(1000, () => void late.push("left"))();
    await clock.advance(500);
    deadlines.set(1000, () => void late.push("kept"));
    await clock.advance(999);
    expect(late).toEqual([]);
    await clock.advance(1);
    expect(late).toEqual(["kept"]);
    await clock.advance(5000);
    deadlines.set(1000, () => void late.push("new"));
    await clock.advance(1000);
    expect(late).toEqual(["kept", "new"]);
  });
});
