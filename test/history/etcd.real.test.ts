import { describe, expect, test } from "vitest";
import { RealEtcd, whyNoEtcd } from "#apiserver/storage/etcd/real-etcd.testing";
import { runApiServer } from "#apiserver/main";
import { openEtcdStorage, type EtcdStorage } from "#apiserver/storage/etcd/etcd-storage";
import { hasStorageReason } from "#apiserver/storage/storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { seededRandom, systemRandom, type Random } from "#base/random";
import { memoryPki, type Pki } from "#cluster/pki/pki";
import { TcpCut } from "../etcd/tcp-cut.ts";
import { exercise, type Disturbed } from "./exercise.ts";
import { FaultyWay } from "./faulty-way.ts";
import type { History } from "./history.ts";
import { HttpsWay } from "./https-way.ts";
import { expectKept, seedsFrom } from "./seeds.testing.ts";

const reason = whyNoEtcd();
const clock = systemClock;
const faults = { lost: 0.005, unanswered: 0.01, overtaken: 0.01, slow: 0.02, dropped: 0.01 };

describe.skipIf(reason !== "")(`two API servers on one etcd${reason && ` (skipped: ${reason})`}`, () => {
  test("keep their promises to clients over HTTPS while it is killed, stopped, cut off from one of them and compacted, and one of them starts again", async () => {
    for (const seed of seedsFrom(200, 1)) {
      const { history, troubles } = await exerciseEtcd(seed);
      expectKept(history, seed);
      expect([...troubles].sort()).toEqual(["compacted", "cut", "killed", "restarted", "stopped"]);
      expect(history.segments.some(({ from, events }) => from > history.start && events.length > 0)).toBe(true);
    }
  }, 3_600_000);
});

interface Started {
  readonly name: string;
  readonly port: number;
  readonly storage: EtcdStorage;
  close(): Promise<void>;
}

async function startServer(name: string, etcd: string, pki: Pki): Promise<Started> {
  const shared = { clock, random: systemRandom, log: silentLogger };
  const stop = new AbortController();
  const storage = await openEtcdStorage({ etcd: { servers: [etcd] }, ...shared });
  const tls = await pki.pair("server", { commonName: "kube-apiserver", use: "server", ipAddresses: ["127.0.0.1"] });
  const server = await runApiServer({
    ...shared,
    storage,
    serviceAccountKey: await pki.signingKey("sa"),
    serve: {
      tls: { ...tls, clientCa: pki.ca },
      listeners: [{ address: "127.0.0.1", port: 0 }],
      advertise: "127.0.0.1:0",
    },
    checks: [],
    signal: stop.signal,
  });
  return {
    name,
    port: server.port,
    storage,
    close: async () => {
      await server.close();
      stop.abort();
      await storage.close();
    },
  };
}

const allTroubles = ["killed", "stopped", "cut", "compacted", "restarted"] as const;
type Trouble = (typeof allTroubles)[number];

async function exerciseEtcd(seed: number): Promise<{ history: History; troubles: ReadonlySet<Trouble> }> {
  const random = seededRandom(seed);
  const pki = await memoryPki(systemClock, systemRandom);
  const client = await pki.pair("admin", { commonName: "admin", organizations: ["system:masters"], use: "client" });
  const closing: (() => unknown)[] = [];
  const troubles = new Set<Trouble>();
  try {
    const etcd = await RealEtcd.start();
    closing.push(() => etcd.remove());
    const cut = await TcpCut.to(etcd.servers[0] ?? "");
    closing.push(() => cut.close());
    const servers = {
      near: await startServer("near", etcd.servers[0] ?? "", pki),
      far: await startServer("far", cut.url, pki),
    };
    closing.push(() => servers.near.close());
    closing.push(() => servers.far.close());
    let ways = 0;
    let starts = 0;
    const wayOf = (): FaultyWay => {
      const which = ways++ % 2 === 0 ? "near" : "far";
      const way = new HttpsWay({ ca: pki.ca, ...client }, () => servers[which]);
      closing.push(() => way.close());
      return new FaultyWay({ way, clock, random, faults: () => faults });
    };
    const restart = async (): Promise<void> => {
      await servers.near.close();
      servers.near = await startServer(`near-${++starts}`, etcd.servers[0] ?? "", pki);
    };
    const disturb = (exercised: Disturbed, signal: AbortSignal): Promise<void> =>
      trouble({ etcd, cut, storage: () => servers.near.storage, restart, random, troubles }, exercised, signal);
    const history = await exercise({
      clock,
      random,
      operations: 400,
      disturb,
      wayOf,
      mayStop: () => troubles.size === allTroubles.length,
    });
    return { history, troubles };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

interface Troubled {
  readonly etcd: RealEtcd;
  readonly cut: TcpCut;
  readonly storage: () => EtcdStorage;
  /** Ends one of the servers as SIGTERM does, and starts it again. */
  readonly restart: () => Promise<void>;
  readonly random: Random;
  readonly troubles: Set<Trouble>;
}

/** One after the other in any order, again and again. */
async function trouble(troubled: Troubled, exercised: Disturbed, signal: AbortSignal): Promise<void> {
  const { random, troubles } = troubled;
  let left: Trouble[] = [];
  while (!signal.aborted) {
    if (left.length === 0) left = [...allTroubles];
    const [next] = left.splice(Math.floor(random.float() * left.length), 1);
    if (next === undefined) continue;
    await clock.sleep(100 + random.float() * 500, signal).catch(() => undefined);
    await make(next, troubled, exercised);
    troubles.add(next);
  }
}

/** Ends with everything whole. */
async function make(what: Trouble, { etcd, cut, storage, restart, random }: Troubled, exercised: Disturbed): Promise<void> {
  switch (what) {
    case "killed":
      await etcd.kill();
      await clock.sleep(random.float() * 300);
      await etcd.restart();
      await etcd.whenReady();
      return;
    case "stopped":
      // Now and then longer than a server waits for an answer.
      etcd.signal("SIGSTOP");
      await clock.sleep(500 + random.float() ** 3 * 5_000);
      etcd.signal("SIGCONT");
      return;
    case "cut":
      cut.cut();
      await clock.sleep(random.float() ** 2 * 1_500);
      cut.mend();
      return;
    case "restarted":
      return restart();
    case "compacted": {
      const version = exercised.seen - Math.floor(random.float() ** 2 * 50);
      if (version < 1) return;
      exercised.compacting(version);
      try {
        await storage().compact(version);
      } catch (error) {
        if (!hasStorageReason(error, "Unavailable", "OutcomeUnknown")) throw error;
      }
    }
  }
}
