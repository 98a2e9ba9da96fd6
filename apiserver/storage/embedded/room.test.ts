import { describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { Room } from "./room.ts";

const mebibyte = 1024 * 1024;

describe("the room for a store", () => {
  const clock = new FakeClock();
  let free = 0;
  const make = (): Room => new Room({ clock, log: silentLogger, freeBytes: () => free });

  it("is lacking from a write that found none until there is room for it, whether or not somebody writes", async () => {
    const room = make();
    expect(room.trouble).toBeUndefined();
    free = 100;
    room.lacked(3 * mebibyte);
    expect(room.trouble).toBe("there is no space left for the store: 100 bytes are free on its disk");
    await clock.advance(60_000);
    expect(room.trouble).toBeDefined();
    free = 7 * mebibyte;
    expect(room.trouble).toBeUndefined();
  });

  it("is not there because something small still fits into the file", () => {
    const room = make();
    free = 0;
    room.lacked(3 * mebibyte);
    room.had(() => 100);
    expect(room.trouble).toBeDefined();
    room.had(() => 3 * mebibyte);
    expect(room.trouble).toBeUndefined();
  });

  it("is believed to be lacking for some seconds even when the disk says otherwise, as it does of a quota", async () => {
    const room = make();
    free = 100 * mebibyte;
    room.lacked(100);
    expect(room.trouble).toBeDefined();
    await clock.advance(6_000);
    expect(room.trouble).toBeUndefined();
  });
});
