import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { readLog, type LogOptions } from "./read-log.ts";
import { rotate } from "./rotate-logs.ts";

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, "0")}.000000001+00:00`;
/** As Go prints it, and so every kubelet. */
const shown = (second: number) => at(second).replace("+00:00", "Z");
const line = (second: number, text: string, tag = "F", stream = "stdout") => `${at(second)} ${stream} ${tag} ${text}\n`;

describe("readLog", () => {
  let folder: string;
  let path: string;
  let running: boolean;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-log-"));
    path = join(folder, "0.log");
    running = false;
  });
  afterEach(() => rm(folder, { recursive: true }));

  const start = (options: Partial<LogOptions> = {}) =>
    readLog({
      path,
      options: { follow: false, timestamps: false, ...options },
      isRunning: async () => running,
      clock: systemClock,
      signal: new AbortController().signal,
    });
  const read = async (options: Partial<LogOptions> = {}) => {
    let text = "";
    for await (const chunk of start(options)) text += Buffer.from(chunk).toString();
    return text;
  };

  it("takes the framing off and joins what was split", async () => {
    await writeFile(path, line(1, "one") + line(2, "tw", "P") + line(2, "o", "P") + line(2, "!") + line(3, ""));
    expect(await read()).toBe("one\ntwo!\n\n");
  });

  it("shows the last lines, counting a split one once, over rotated files too", async () => {
    await writeFile(`${path}.1`, line(1, "old") + line(2, "older"));
    await writeFile(path, line(3, "sp", "P") + line(3, "lit") + line(4, "last"));
    expect(await read({ tailLines: 1 })).toBe("last\n");
    expect(await read({ tailLines: 2 })).toBe("split\nlast\n");
    expect(await read({ tailLines: 3 })).toBe("older\nsplit\nlast\n");
    expect(await read({ tailLines: 99 })).toBe("old\nolder\nsplit\nlast\n");
    expect(await read({ tailLines: 0 })).toBe("");
    expect(await read()).toBe("old\nolder\nsplit\nlast\n");
  });

  it("finds the last lines of a long file", async () => {
    await writeFile(path, Array.from({ length: 20_000 }, (_, index) => line(1, `line ${index}`)).join(""));
    expect(await read({ tailLines: 2 })).toBe("line 19998\nline 19999\n");
  });

  it("puts times in front, cuts at a number of bytes, and begins at a time", async () => {
    await writeFile(path, line(1, "one") + line(2, "tw", "P") + line(3, "o"));
    expect(await read({ timestamps: true })).toBe(`${shown(1)} one\n${shown(2)} two\n`);
    expect(await read({ limitBytes: 5 })).toBe("one\nt");
    expect(await read({ since: "2026-01-01T00:00:02Z" })).toBe("two\n");
  });

  it("follows across a rotation, losing nothing, and ends with the container", async () => {
    running = true;
    await writeFile(path, line(1, "one"));
    let text = "";
    const reading = (async () => {
      for await (const chunk of start({ follow: true, tailLines: 1 })) text += Buffer.from(chunk).toString();
    })();
    await expect.poll(() => text).toBe("one\n");
    await appendFile(path, line(2, "two"));
    await expect.poll(() => text).toBe("one\ntwo\n");
    await rename(path, `${path}.1`);
    await appendFile(`${path}.1`, line(3, "three"));
    await writeFile(path, line(4, "four"));
    await expect.poll(() => text).toBe("one\ntwo\nthree\nfour\n");
    await appendFile(path, line(5, "five"));
    running = false;
    await reading;
    expect(text).toBe("one\ntwo\nthree\nfour\nfive\n");
  });
});

describe("readLog of a pod that is being deleted", () => {
  it("still gives what the container wrote last, although the file is gone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "skiff-log-"));
    const path = join(folder, "0.log");
    await writeFile(path, line(1, "one"));
    const state = { running: true };
    const options = { follow: true, timestamps: false };
    const signal = new AbortController().signal;
    const reading = readLog({ path, options, isRunning: async () => state.running, clock: systemClock, signal });
    const first = await reading.next();
    const rest = reading.next();
    await systemClock.sleep(50);
    await appendFile(path, line(2, "last words"));
    await rm(folder, { recursive: true });
    state.running = false;
    expect([first, await rest].map(({ value }) => Buffer.from(value as Uint8Array).toString())).toEqual([
      "one\n",
      "last words\n",
    ]);
    expect((await reading.next()).done).toBe(true);
  });
});

describe("rotate", () => {
  it("renames a log that is too long and keeps a few old ones", async () => {
    const folder = await mkdtemp(join(tmpdir(), "skiff-log-"));
    const path = join(folder, "0.log");
    for (let turn = 1; turn <= 7; turn++) {
      await writeFile(path, "x".repeat(100));
      expect(await rotate(path, { largestBytes: 50, mostFiles: 3, suffix: `${turn}` })).toBe(true);
    }
    await writeFile(path, "x");
    expect(await rotate(path, { largestBytes: 50, mostFiles: 3, suffix: "8" })).toBe(false);
    const { rotatedLogs } = await import("./rotate-logs.ts");
    expect((await rotatedLogs(path)).map((name) => name.slice(-1))).toEqual(["6", "7"]);
    await rm(folder, { recursive: true });
  });
});
