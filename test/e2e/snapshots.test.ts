import { createReadStream, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configMaps } from "#api/resource-type";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { readSnapshot } from "#apiserver/storage/snapshot/read-snapshot";
import { unfinishedRestoreKey } from "#apiserver/storage/snapshot/restore-into";
import { writeSnapshot } from "#apiserver/storage/snapshot/write-snapshot";
import { openEtcdStorage } from "#apiserver/storage/etcd/etcd-storage";
import { RealEtcd } from "#apiserver/storage/etcd/real-etcd.testing";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { packageRoot } from "#base/package-root";
import { systemRandom } from "#base/random";
import { httpTransport } from "#client/http-transport";
import { readKubeconfig } from "#client/kubeconfig";
import { createClient } from "#client/transport-client";
import { helloDeployment, loadHelloImage } from "./hello-image.ts";
import { hostState } from "./host-state.ts";
import { whyNot } from "./requirements.ts";
import { eventually, run, start, type Ran } from "./run.ts";
import { isReady, TestCluster, type Kubectl } from "./test-cluster.ts";

const reason = whyNot({ tools: ["etcd"], kubectl: ["1.33"] });
const because = reason && ` (skipped: ${reason})`;

/** By key: what a snapshot file holds. */
async function contentsOf(file: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const { pages } = await readSnapshot(createReadStream(file));
  for await (const page of pages) for (const { key, value } of page) found.set(key, Buffer.from(value).toString());
  return found;
}

function must({ code, stdout, stderr }: Ran): string {
  if (code !== 0) throw new Error(`it exited with ${code}: ${stdout}${stderr}`);
  return stdout;
}

describe.skipIf(reason !== "")(`a cluster with a node and the embedded store${because}`, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  let file: string;
  let before: string;

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-snapshot");
    file = join(cluster.folder, "saved.snapshot");
    await cluster.up("--nodes", "1");
    await loadHelloImage(cluster);
    kubectl = cluster.kubectl("1.33");
    await kubectl.do(["apply", "-f", "-"], helloDeployment("web", 2));
    await kubectl.do(["create", "secret", "generic", "kept", "--from-literal=a=b"]);
    await ready("web", 2);
    before = await kubectl.do(["get", "secret", "kept", "-o", "jsonpath={.metadata.uid}{.data}"]);
  });
  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  const ready = (app: string, count: number): Promise<unknown> =>
    eventually(`${count} pods of ${app}`, async () => {
      const pods = await kubectl.pods(`app=${app}`);
      return pods.length === count && pods.every(isReady);
    });
  const containers = async (): Promise<number> =>
    (await hostState()).processes.filter((command) => command.includes("conmon") && command.includes(cluster.folder)).length;
  const refused = ({ code, stderr }: Ran): string => {
    expect(code).toBe(1);
    return stderr;
  };

  it("is saved while it is written to, at one moment, readable by nobody else", async () => {
    const client = createClient(httpTransport(readKubeconfig(cluster.kubeconfig)));
    const state = { writing: true, pairs: 0 };
    const create = (name: string) =>
      client.create(configMaps, { metadata: { name, namespace: "default" }, data: { a: "b".repeat(500) } });
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      let pairs = 0;
      for (; state.writing; pairs++) {
        await create(`pair-${writer}-${pairs}-first`);
        await create(`pair-${writer}-${pairs}-second`);
        state.pairs++;
      }
      return pairs;
    });
    for (let turn = 0; turn < 3; turn++) {
      const before = state.pairs;
      await eventually("more to be written", async () => state.pairs >= before + 20);
      const stdout = must(await cluster.skiff(["snapshot", "save", file], turn === 0 ? [] : ["--force"]));
      const keys = [...(await contentsOf(file)).keys()].filter((key) => key.includes("/pair-"));
      expect(keys.length).toBeGreaterThan(8);
      const alone = keys.filter((key) => key.endsWith("-second") && !keys.includes(key.replace("-second", "-first")));
      expect(alone).toEqual([]);
      expect(stdout).toMatch(/^Saved \d+ objects at revision \d+ to /);
    }
    state.writing = false;
    expect((await Promise.all(writers)).every((pairs) => pairs > 1)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(cluster.folder).filter((name) => name.includes(".part"))).toEqual([]);
    expect(refused(await cluster.skiff(["snapshot", "save", file]))).toContain("is there already");
    const status = JSON.parse(must(await run([join(packageRoot, "skiff"), "snapshot", "status", file, "-o", "json"]))) as object;
    expect(status).toMatchObject({
      totalKey: expect.any(Number) as number,
      revision: expect.any(Number) as number,
      totalSize: statSync(file).size,
    });
  });

  it("gives a snapshot to nobody but its administrators", async () => {
    for (const user of ["system:node:node-1", "system:kube-controller-manager", "system:serviceaccount:default:default"]) {
      const { code, stderr } = await kubectl.try(["get", "--raw", "/debug/snapshot", "--as", user]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/Forbidden|forbidden/);
    }
  });

  it("is not restored while it runs, and not from a damaged file, of which nothing is taken", async () => {
    expect(refused(await cluster.skiff(["snapshot", "restore", file]))).toMatch(
      /is running: "skiff down --name e2e-snapshot" stops it/,
    );
    await kubectl.do(["delete", "deployment", "web", "--wait=false"]);
    await kubectl.do(["apply", "-f", "-"], helloDeployment("later", 1));
    await kubectl.do(["delete", "secret", "kept"]);
    await ready("later", 1);
    must(await cluster.skiff(["down"]));
    const store = join(cluster.folder, "state", cluster.name, "store/data");
    const untouched = readFileSync(store);
    const whole = readFileSync(file);
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] = flipped[whole.length >> 1]! ^ 4;
    const damages: [Buffer, string][] = [
      [whole.subarray(0, whole.length - 1), "was cut off"],
      [flipped, "is damaged"],
      [Buffer.concat([whole, Buffer.from("x")]), "something was appended"],
      [Buffer.from("not this"), "is no snapshot"],
    ];
    for (const [bytes, words] of damages) {
      const damaged = join(cluster.folder, "damaged.snapshot");
      writeFileSync(damaged, bytes);
      expect(refused(await cluster.skiff(["snapshot", "restore", damaged]))).toContain(words);
      expect(readFileSync(store).equals(untouched)).toBe(true);
      expect(existsSync(join(cluster.folder, "state", cluster.name, "store.before-restore"))).toBe(false);
    }
  });

  it("is again as it was when it was saved: objects, pods that run, nodes; what came later is gone, clients are told", async () => {
    must(await cluster.skiff(["snapshot", "save", join(cluster.folder, "later.snapshot")]));
    const later = await contentsOf(join(cluster.folder, "later.snapshot"));
    expect([...later.keys()].some((key) => key.endsWith("/deployments/default/later"))).toBe(true);
    const seen = JSON.parse(
      must(await run([join(packageRoot, "skiff"), "snapshot", "status", join(cluster.folder, "later.snapshot"), "-o", "json"])),
    ) as { revision: number };
    const stdout = must(await cluster.skiff(["snapshot", "restore", file]));
    expect(stdout).toMatch(/What it had before is in .*store\.before-restore/);
    await cluster.up();
    await ready("web", 2);
    expect(await kubectl.do(["get", "secret", "kept", "-o", "jsonpath={.metadata.uid}{.data}"])).toBe(before);
    await eventually(
      "what came later to be gone",
      async () => (await kubectl.do(["get", "deploy,rs,pods", "-l", "app=later"])) === "",
    );
    expect(await kubectl.do(["get", "deployments", "-o", "name"])).toBe("deployment.apps/web\n");
    expect(await kubectl.do(["get", "nodes"])).toMatch(/node-1 +Ready/);
    await eventually("two containers and no more", async () => (await containers()) === 2);
    const { metadata } = await kubectl.json<{ metadata: { resourceVersion: string } }>(["get", "deployment", "web"]);
    expect(Number(metadata.resourceVersion)).toBeGreaterThan(seen.revision);
    const watch = `/api/v1/configmaps?watch=true&resourceVersion=${seen.revision}`;
    expect((await kubectl.try(["get", "--raw", watch])).stdout).toContain('"code":410');
    await kubectl.do(["scale", "deployment", "web", "--replicas=3"]);
    await ready("web", 3);
  });
});

/** A file that holds so many config maps that all say the same. */
async function manyObjects(file: string, count: number, text: string): Promise<void> {
  const storage = new MemoryStorage({ clock: systemClock, log: silentLogger });
  for (let index = 0; index < count; index++) {
    const key = `/registry/configmaps/default/many-${index}`;
    const metadata = { name: `many-${index}`, namespace: "default", uid: `uid-${index}` };
    await storage.put(key, Buffer.from(JSON.stringify({ kind: "ConfigMap", apiVersion: "v1", metadata, data: { text } })), 0);
  }
  const chunks: Uint8Array[] = [];
  const about = { takenAt: "2026-01-01T00:00:00Z", skiffVersion: "test" };
  for await (const chunk of writeSnapshot(await storage.dump("/registry/"), about)) chunks.push(chunk);
  await storage.close();
  writeFileSync(file, Buffer.concat(chunks));
}

/** What the objects of `manyObjects` say, each once. */
async function textsIn(file: string): Promise<Set<string>> {
  const many = [...(await contentsOf(file))].filter(([key]) => key.includes("/many-"));
  return new Set(
    many.map(([, value]) => (JSON.parse(value) as { data: { text: string } }).data.text.concat(` × ${many.length}`)),
  );
}

describe.skipIf(reason !== "")(`a restore that is killed${because}`, () => {
  const count = 800;
  const clusters: TestCluster[] = [];
  const etcds: RealEtcd[] = [];
  afterAll(async () => {
    for (const cluster of clusters) await cluster.remove();
    for (const etcd of etcds) await etcd.remove();
  });

  // One after the other: they would choose the same port.
  beforeAll(async () => {
    const etcd = await RealEtcd.start();
    etcds.push(etcd);
    for (const flags of [[], ["--store", "etcd"], ["--store", "etcd", "--etcd-servers", etcd.servers.join(",")]]) {
      const cluster = await TestCluster.create(`e2e-killed-${clusters.length}`);
      clusters.push(cluster);
      await cluster.up("--nodes", "0", ...flags);
      await cluster.skiff(["down"]);
    }
  });

  const prepared = async (cluster: TestCluster) => {
    const { name } = cluster;
    const [old, next, now] = ["old", "new", "now"].map((part) => join(cluster.folder, part)) as [string, string, string];
    await manyObjects(old, count, "old");
    await manyObjects(next, count, "new");
    const command = (...args: string[]): ReturnType<typeof start> =>
      start([
        process.execPath,
        join(packageRoot, "dist/main.js"),
        "snapshot",
        ...args,
        "--name",
        name,
        "--state-dir",
        join(cluster.folder, "state"),
      ]);
    return { old, next, now, command };
  };

  it.concurrent.each<[string, number, number]>([
    ["embedded", 0, 3],
    ["etcd", 1, 1],
  ])("leaves the old or the new, with the %s store, and a save that is killed a whole file or none", async (_, index, rounds) => {
    const cluster = clusters[index]!;
    const { old, next, now, command } = await prepared(cluster);
    must(await cluster.skiff(["snapshot", "restore", old]));
    const began = performance.now();
    must(await cluster.skiff(["snapshot", "restore", old]));
    const whole = performance.now() - began;
    const outcomes = new Set<string>();
    for (let round = 1; round <= rounds; round++) {
      const { child } = command("restore", next);
      await sleep(whole * (0.35 + (0.65 * (round - 0.5)) / rounds));
      child.kill("SIGKILL");
      const saving = command("save", now, "--force");
      await sleep((whole * round) / rounds / 2);
      saving.child.kill("SIGKILL");
      if (existsSync(now)) expect((await textsIn(now)).size).toBe(1);
      must(await cluster.skiff(["snapshot", "save", now], ["--force"]));
      const texts = [...(await textsIn(now))];
      expect(texts).toHaveLength(1);
      expect([`old × ${count}`, `new × ${count}`]).toContain(texts[0]);
      outcomes.add(texts[0]!);
      if (texts[0] === `new × ${count}`) must(await cluster.skiff(["snapshot", "restore", old]));
    }
    console.log(`restores that were killed left: ${[...outcomes].join(", ")}`);
    expect(readdirSync(join(cluster.folder, "state", cluster.name)).filter((name) => name.startsWith("store.rest"))).toEqual([]);
    const left = (await hostState()).processes.filter((line) => line.includes(cluster.folder));
    expect(left).toEqual([]);
  });

  it.concurrent(
    "into an etcd that others run leaves word of it there, keeps what was there before in a file, and is done again",
    async () => {
      const [, , cluster] = clusters as [TestCluster, TestCluster, TestCluster];
      const [etcd] = etcds as [RealEtcd];
      const { old, next, now, command } = await prepared(cluster);
      must(await cluster.skiff(["snapshot", "restore", old]));
      const storage = await openEtcdStorage({
        etcd: { servers: etcd.servers },
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
      });
      try {
        const begun = storage.watch(unfinishedRestoreKey, await storage.revision(), AbortSignal.timeout(60_000));
        const { child } = command("restore", next);
        for await (const batch of begun) if ("changes" in batch) break;
        child.kill("SIGKILL");
      } finally {
        await storage.close();
      }
      const { code, stderr } = await cluster.skiff(["up"]);
      expect(code).toBe(1);
      expect(stderr).toContain("a restore into this etcd was interrupted");
      const before = join(cluster.folder, "state", cluster.name, "before-restore.snapshot");
      expect([...(await textsIn(before))]).toEqual([`old × ${count}`]);
      must(await cluster.skiff(["snapshot", "restore", next]));
      must(await cluster.skiff(["snapshot", "save", now]));
      expect([...(await textsIn(now))]).toEqual([`new × ${count}`]);
      await cluster.up();
    },
  );
});
