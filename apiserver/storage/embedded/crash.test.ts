import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { packageRoot } from "#base/package-root";
import { emptyStoreRevision } from "../commit.ts";
import type { Storage } from "../storage.ts";
import { openEmbeddedStorage } from "./embedded-storage.ts";

/** Writes as fast as it can with 8 writers, saying on stdout what was acknowledged: `key value revision`. */
const writer = `
  import { openEmbeddedStorage } from ${JSON.stringify(join(packageRoot, "apiserver/storage/embedded/embedded-storage.ts"))};
  import { systemClock } from ${JSON.stringify(join(packageRoot, "base/clock.ts"))};
  import { silentLogger } from ${JSON.stringify(join(packageRoot, "base/logger.ts"))};
  import { writeSync } from "node:fs";
  const storage = await openEmbeddedStorage({ directory: process.argv[1], clock: systemClock, log: silentLogger });
  writeSync(1, "ready " + (await storage.revision()) + " 0\\n");
  const write = async (id) => {
    for (let turn = 0; ; turn++) {
      const key = "/k/" + id + "/" + (turn % 50);
      const previous = await storage.get(key);
      const value = process.pid + "-" + turn;
      const { revision } = await storage.put(key, Buffer.from(value), previous?.revision ?? 0);
      writeSync(1, key + " " + value + " " + revision + "\\n");
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, id) => write(id)));
`;

interface Acknowledged {
  readonly value: string;
  readonly revision: number;
}

/** Runs a writer until `kill` resolves, then kills it -9. */
async function runAndKill(directory: string, kill: () => Promise<void>): Promise<Map<string, Acknowledged>> {
  const args = ["--conditions=source", "--import", "tsx", "--input-type=module", "-e", writer, "--", directory];
  const child = spawn(process.execPath, args, { cwd: packageRoot, stdio: ["ignore", "pipe", "inherit"] });
  const acknowledged = new Map<string, Acknowledged>();
  const exited = new Promise((resolve) => child.once("exit", resolve));
  try {
    const lines = createInterface(child.stdout);
    const ready = new Promise((resolve) => lines.once("line", resolve));
    lines.on("line", (line) => {
      const [key = "", value = "", revision] = line.split(" ");
      acknowledged.set(key, { value, revision: Number(revision) });
    });
    await Promise.race([ready, exited]);
    await kill();
  } finally {
    child.kill("SIGKILL");
    await exited;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  acknowledged.delete("ready");
  return acknowledged;
}

/** What the log says is there. */
async function replay(storage: Storage): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  const last = await storage.revision();
  const stop = new AbortController();
  for await (const batch of storage.watch("", emptyStoreRevision, stop.signal)) {
    if (!("changes" in batch)) continue;
    for (const { key, value } of batch.changes) if (value !== undefined) state.set(key, Buffer.from(value).toString());
    if (batch.revision === last) break;
  }
  return new Map([...state].sort());
}

async function contents(storage: Storage): Promise<Map<string, string>> {
  const { entries } = await storage.list("");
  return new Map(entries.map(({ key, value }) => [key, Buffer.from(value).toString()] as const).sort());
}

describe("the embedded store when its process is killed", () => {
  it(
    "has every acknowledged write, a log that agrees, never goes back, and is held by one process at a time",
    { timeout: 60_000 },
    async () => {
      const directory = mkdtempSync(join(tmpdir(), "skiff-crash-"));
      const options = { directory, clock: new FakeClock(), log: silentLogger };
      try {
        let highest = 0;
        for (let round = 0; round < 5; round++) {
          const acknowledged = await runAndKill(directory, async () => {
            await expect(openEmbeddedStorage(options)).rejects.toMatchObject({ reason: "Locked" });
            await new Promise((resolve) => setTimeout(resolve, 40 + Math.random() * 300));
          });
          expect(acknowledged.size).toBeGreaterThan(0);
          const storage = await openEmbeddedStorage(options);
          for (const [key, { value, revision }] of acknowledged) {
            const entry = await storage.get(key);
            expect(entry?.revision, key).toBeGreaterThanOrEqual(revision);
            if (entry?.revision === revision) expect(Buffer.from(entry.value).toString()).toBe(value);
            highest = Math.max(highest, revision);
          }
          const revision = await storage.revision();
          expect(revision).toBeGreaterThanOrEqual(highest);
          highest = revision;
          expect(await replay(storage)).toEqual(await contents(storage));
          expect((await storage.put(`/round/${round}`, Buffer.from(""), 0)).revision).toBe(highest + 1);
          await storage.close();
        }
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
  );
});
