import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { pods } from "#api/resource-type";
import type { Pod } from "#api/generated/types";
import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { Informer } from "#client/informer";
import { startControlPlane } from "#cluster/control-plane";
import { memoryPki } from "#cluster/pki/pki";
import { median, rowTimes, type Row } from "../table.ts";
import type { BenchOptions } from "./apiserver.ts";
import { podBody, statusPatch } from "./pods.ts";

const podCount = 10_000;
const writers = 64;
const shared = { clock: systemClock, random: systemRandom, log: silentLogger };

/** What a component in the server's process pays for a list and for an informer, beside parsing the same from JSON. */
export async function inProcess({ rounds, say }: BenchOptions): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "skiff-bench-"));
  const storage = await openEmbeddedStorage({ ...shared, directory: folder });
  const plane = await startControlPlane({ ...shared, storage, pki: await memoryPki(systemClock, systemRandom) });
  try {
    const client = plane.clientFor("admin", ["system:masters"]);
    await fill(client);
    const text = JSON.stringify((await client.list(pods)).items);
    const measured: { parse: number; list: number; sync: number }[] = [];
    for (let round = 1; round <= rounds; round++) {
      const parse = await took(() => JSON.parse(text) as unknown);
      const list = await took(() => client.list(pods));
      const sync = await took(() => syncOnce(client));
      measured.push({ parse, list, sync });
      say(
        `in-process, round ${round} of ${rounds}: parse ${parse.toFixed(1)} ms, list ${list.toFixed(1)} ms, informer ${sync.toFixed(1)} ms`,
      );
    }
    const middle = (of: (one: (typeof measured)[number]) => number): number => median(measured.map(of));
    const parses = 1000 / middle(({ parse }) => parse);
    return [
      rowTimes(`list ${podCount} pods in the process / JSON.parse`, 1000 / middle(({ list }) => list), "/s", parses, 20),
      rowTimes(`informer in the process synced / JSON.parse`, 1000 / middle(({ sync }) => sync), "/s", parses, 20),
    ];
  } finally {
    await plane.close();
    await storage.close();
    await rm(folder, { recursive: true, force: true });
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function fill(client: ApiClient): Promise<void> {
  let next = 0;
  const write = async (): Promise<void> => {
    for (let index = next++; index < podCount; index = next++) {
      await client.create(pods, JSON.parse(podBody("default").replaceAll("%N", String(index))) as Pod);
      const patch = JSON.parse(statusPatch()) as object;
      await client.patch(
        pods,
        { namespace: "default", name: `p-${index}` },
        { type: "strategic", patch },
        { subresource: "status" },
      );
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
}

async function syncOnce(client: ApiClient): Promise<void> {
  const stop = new AbortController();
  const informer = new Informer({ ...shared, client, type: pods });
  const running = informer.run(stop.signal);
  await informer.synced(stop.signal);
  stop.abort(new Error("measured"));
  await running;
}

/** Nobody pays for what was left behind before: what JSON.parse made is garbage of 150 MB. */
async function took(work: () => unknown): Promise<number> {
  collectGarbage();
  const began = performance.now();
  await work();
  return performance.now() - began;
}
