import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RealEtcd } from "#apiserver/storage/etcd/real-etcd.testing";
import { systemClock } from "#base/clock";
import { packageRoot } from "#base/package-root";
import { StatusError } from "#api/status";
import { httpTransport } from "#client/http-transport";
import { readKubeconfig } from "#client/kubeconfig";
import { restClient, type RestClient } from "#client/rest-client";
import { createClient } from "#client/transport-client";
import { whyNot } from "../e2e/requirements.ts";
import { eventually, succeed } from "../e2e/run.ts";
import { TestCluster } from "../e2e/test-cluster.ts";
import { FarNetwork } from "./far-network.ts";
import { watch, write, type Attempt, type Seen } from "./load.ts";
import { contradictions } from "./told.ts";

const reason = whyNot({ tools: ["etcd"] });

/** Through everything, clients write and watch by a real API server's HTTPS; at the end what they were told is compared. */
describe.skipIf(reason !== "")(`an API server on three etcds in trouble${reason && ` (skipped: ${reason})`}`, () => {
  let network: FarNetwork;
  let etcd: RealEtcd;
  let cluster: TestCluster;
  let rest: RestClient;
  let pid: number;
  const stopWriting = new AbortController();
  const stopWatching = new AbortController();
  const attempts: Attempt[] = [];
  const watchers: Seen[][] = [[], [], []];
  let load: Promise<unknown>;
  let watching: Promise<unknown>;

  const all = [0, 1, 2];
  const others = (index: number): string[] => network.hosts.filter((_, other) => other !== index).map(({ address }) => address);
  /** The member that is asked to write. */
  const inUse = (): Promise<number> =>
    eventually("a member to be in use", async () => {
      const before = await Promise.all(etcd.servers.map(transactions));
      await systemClock.sleep(200);
      const after = await Promise.all(etcd.servers.map(transactions));
      const busy = all.filter((index) => after[index]! > before[index]! + 5);
      return busy.length === 1 && { index: busy[0]! };
    }).then(({ index }) => index);
  const shown = (): number => watchers[0]!.length;
  /** Of a health path, whatever it answers. */
  const health = async (path: string): Promise<string> => {
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of rest.stream({ path })) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    } catch (error) {
      if (error instanceof StatusError) return error.message;
      throw error;
    }
  };
  const ready = (): Promise<unknown> => eventually("it to be ready", async () => (await health("/readyz")) === "ok");
  const writesGoOn = async (): Promise<void> => {
    const before = shown();
    await eventually("writes to go on", async () => shown() > before + 30);
  };

  beforeAll(async () => {
    network = await FarNetwork.make(3);
    etcd = await RealEtcd.start(3, { places: network.hosts });
    cluster = await TestCluster.create("e2e-etcd-faults");
    await cluster.up("--nodes", "0", "--store", "etcd", "--etcd-servers", etcd.servers.join(","));
    pid = await cluster.pidOf("control-plane");
    const options = readKubeconfig(cluster.kubeconfig);
    rest = restClient(options, () => undefined);
    const client = () => createClient(httpTransport(options));
    watching = Promise.all(watchers.map((seen) => watch(client(), seen, stopWatching.signal)));
    load = Promise.all(Array.from({ length: 8 }, (_, writer) => write(client(), writer, attempts, stopWriting.signal)));
    await writesGoOn();
  });

  afterAll(async () => {
    stopWriting.abort();
    stopWatching.abort();
    await load;
    await watching;
    rest.close();
    await (cluster as TestCluster | undefined)?.remove();
    await (etcd as RealEtcd | undefined)?.remove();
    await (network as FarNetwork | undefined)?.remove();
  });

  it("goes over to another member when the packets to its own are lost", async () => {
    const began = systemClock.monotonic();
    await network.cut(await inUse(), [network.here]);
    await systemClock.sleep(500);
    await writesGoOn();
    console.log(`writes went on after ${Math.round(systemClock.monotonic() - began)} ms`);
    await ready();
    await network.mend();
  });

  it("goes over to another member when its own is cut off from the others", async () => {
    const own = await inUse();
    const began = systemClock.monotonic();
    await network.cut(own, others(own));
    await systemClock.sleep(500);
    await writesGoOn();
    console.log(`writes went on after ${Math.round(systemClock.monotonic() - began)} ms`);
    await ready();
    await network.mend();
  });

  it("says that it cannot reach any, is ready again when it can, and tells who missed what was compacted meanwhile", async () => {
    const lists = watchers.map((seen) => seen.filter(({ type }) => type === "LISTED").length);
    for (const index of all) await network.cut(index, [network.here]);
    const words = await eventually("it to say so", async () => {
      const text = await health("/readyz");
      return text.includes("[-]etcd failed: ") && text;
    });
    expect(words).toMatch(/\[-\]etcd failed: Deadline exceeded after \d+\.\d+s\n\[-\]etcd-readiness failed: /);
    expect(await health("/readyz/etcd")).toMatch(/^internal server error: /);
    await succeed([...network.hosts[0]!.launcher, process.execPath, "-e", writeAndCompact(etcd.servers[0]!)], {
      cwd: packageRoot,
    });
    // Or else what was under way when the wires were cut arrives after all.
    await Promise.all(all.map((index) => etcd.kill(index)));
    await Promise.all(all.map((index) => etcd.restart(index)));
    await etcd.whenReady();
    await network.mend();
    await ready();
    await writesGoOn();
    await eventually("all watchers to have listed anew", async () =>
      watchers.every((seen, index) => seen.filter(({ type }) => type === "LISTED").length === lists[index]! + 1),
    );
  });

  it("waits for all three to wake up", async () => {
    const earlier = attempts.length;
    const began = systemClock.monotonic();
    for (const index of all) etcd.signal("SIGSTOP", index);
    try {
      await eventually("it to say so", async () => (await health("/readyz")).includes("[-]etcd failed: "));
      await systemClock.sleep(Math.max(0, 5_000 - (systemClock.monotonic() - began)));
    } finally {
      for (const index of all) etcd.signal("SIGCONT", index);
    }
    await ready();
    await writesGoOn();
    // Who asked it to write while it slept was served when it woke up, or told at the end of the connection's patience that nobody knows.
    const waited = attempts.slice(earlier).filter(({ tookMs, outcome }) => tookMs > 4_000 && outcome !== "refused");
    expect(waited.length).toBeGreaterThan(0);
  });

  it("goes on when the leader is killed, and when it comes back", async () => {
    const leader = await etcd.leader();
    await etcd.kill(leader);
    await writesGoOn();
    await ready();
    await etcd.restart(leader);
    await writesGoOn();
  });

  it("goes on when two of three are killed and come back", async () => {
    await Promise.all([etcd.kill(0), etcd.kill(1)]);
    await eventually("it to say so", async () => (await health("/readyz")).includes("[-]etcd failed: "));
    await Promise.all([etcd.restart(0), etcd.restart(1)]);
    await ready();
    await writesGoOn();
  });

  it("has told nobody anything that is not so", async () => {
    stopWriting.abort();
    await load;
    const last = Math.max(...attempts.map(({ resourceVersion = 0 }) => resourceVersion));
    await eventually("all watchers to see the last write", async () =>
      watchers.every((seen) => (seen.at(-1)?.resourceVersion ?? 0) >= last),
    );
    expect(contradictions(attempts, watchers)).toEqual([]);
    const answers = new Map<string, number>();
    for (const { outcome, answer = "" } of attempts)
      answers.set(`${outcome} ${answer}`, (answers.get(`${outcome} ${answer}`) ?? 0) + 1);
    console.log([...answers], `longest ${Math.round(Math.max(...attempts.map(({ tookMs }) => tookMs)))} ms`);
    const written = attempts.filter(({ outcome }) => outcome === "acknowledged");
    expect(written.length).toBeGreaterThan(200);
    const unclear = attempts.filter(({ outcome, answer }) => outcome === "unknown" && answer !== "504 Timeout");
    expect(unclear).toEqual([]);
    // A request ends after a minute, whatever becomes of the store.
    expect(Math.max(...attempts.map(({ tookMs }) => tookMs))).toBeLessThan(75_000);
    expect(await cluster.pidOf("control-plane")).toBe(pid);
    process.kill(pid, 0);
  });
});

/** How many a member has been asked for. */
async function transactions(server: string): Promise<number> {
  const text = await (await fetch(`${server}/metrics`)).text();
  return Number(/^grpc_server_started_total\{grpc_method="Txn",grpc_service="etcdserverpb.KV".*\} (\S+)$/m.exec(text)?.[1]);
}

/** Another server of this etcd: writes something and compacts up to there. */
function writeAndCompact(server: string): string {
  return `
    const { Etcd3 } = require("etcd3");
    const client = new Etcd3({ hosts: ${JSON.stringify(server)} });
    (async () => {
      for (let turn = 0; turn < 5; turn++) await client.put("/registry/configmaps/default/elsewhere-" + turn).value(JSON.stringify({
        kind: "ConfigMap", apiVersion: "v1", metadata: { name: "elsewhere-" + turn, namespace: "default", uid: "u" + turn }, data: {},
      }));
      const { header } = await client.put("/elsewhere").value("");
      await client.kv.compact({ revision: header.revision });
      client.close();
    })().catch((error) => { console.error(error); process.exit(1); });
  `;
}
