import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { firstBytes, terminationMessage } from "./termination-message.ts";

describe("what a container says when it ends", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-message-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const logLine = (text: string, partial = false) => `2026-01-01T00:00:00.000000000Z stdout ${partial ? "P" : "F"} ${text}\n`;
  const read = async (message: string | undefined, log: string, fallBackToLog: boolean) => {
    const files = { terminationLog: join(folder, "message"), log: join(folder, "log"), fallBackToLog };
    if (message !== undefined) await writeFile(files.terminationLog, message);
    await writeFile(files.log, log);
    return terminationMessage(files);
  };

  it.each<[string, string | undefined, string, boolean, string]>([
    ["is what it wrote into its file", "bye", logLine("log"), true, "bye"],
    ["is nothing when it wrote nothing", "", logLine("log"), false, ""],
    ["is nothing when it removed the file", undefined, "", false, ""],
    ["falls back to its log where that is asked for", "", logLine("one", true) + logLine(" and half"), true, "one and half\n"],
    ["has the first 4096 bytes of the file", "x".repeat(5000), "", false, "x".repeat(4096)],
    ["has the last 2048 bytes of the log", "", logLine("é".repeat(1500)), true, `${"é".repeat(1023)}\n`],
    [
      "has the last 80 lines of the log",
      "",
      Array.from({ length: 100 }, (_, index) => logLine(`${index}`)).join(""),
      true,
      Array.from({ length: 80 }, (_, index) => `${index + 20}\n`).join(""),
    ],
  ])("%s", async (_name, message, log, fallBackToLog, expected) => {
    expect(await read(message, log, fallBackToLog)).toBe(expected);
  });

  it("is cut between characters", () => {
    expect([firstBytes("aé", 2), firstBytes("aé", 3), firstBytes("", 5)]).toEqual(["a", "aé", ""]);
  });
});
