import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { pods } from "#api/resource-type";
import { hasReason } from "#api/status";
import { seededRandom, systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { httpTransport } from "#client/http-transport";
import { readKubeconfig } from "#client/kubeconfig";
import { createClient } from "#client/transport-client";
import { loadHelloImage } from "./hello-image.ts";
import { hostState, podCgroups } from "./host-state.ts";
import { type MarkedKind, markedKinds, readMarkers } from "./marked-pods.ts";
import { whyNot } from "./requirements.ts";
import { eventually, succeed } from "./run.ts";
import { TestCluster } from "./test-cluster.ts";

const reason = whyNot();
const podsInAll = 100;
const kills = 20;
const atOnce = 14;
/** Of an agent, milliseconds: some die while they find what is there, some when they are at work. */
const longestLife = [50, 300, 1200, 2500];
const seed = Number(process.env["SKIFF_KILL_SEED"] ?? Math.floor(systemRandom.float() * 1e6));

interface Made {
  readonly name: string;
  readonly kind: MarkedKind;
  readonly uid: string;
}

/** Replay the choice of moments with SKIFF_KILL_SEED. */
describe.skipIf(reason !== "")(`an agent killed at any moment${reason && ` (skipped: ${reason})`}`, () => {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random.float() * count);
  let cluster: TestCluster;
  let client: ApiClient;
  let markers: string;
  let empty: Leftovers;

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-killed");
    await cluster.up("--nodes", "1");
    await loadHelloImage(cluster);
    client = createClient(httpTransport(readKubeconfig(cluster.kubeconfig)));
    markers = join(cluster.folder, "markers");
    await mkdir(markers);
    empty = await leftovers(cluster);
  });
  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  const list = async (): Promise<ReadonlyMap<string, Stored<Pod>>> =>
    new Map((await client.list(pods, { namespace: "default" })).items.map((pod) => [pod.metadata.name, pod]));
  const remove = async (name: string, gracePeriodSeconds?: number): Promise<void> => {
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    await client.delete(pods, { namespace: "default", name }, options).catch((error: unknown) => {
      if (!hasReason(error, "NotFound")) throw error;
    });
  };

  it(`runs no container twice, loses none and leaves nothing (seed ${seed})`, async () => {
    console.log(`SKIFF_KILL_SEED=${seed}`);
    const made: Made[] = [];
    const deleted = new Set<string>();
    const state = { churning: true };

    const churn = async (): Promise<void> => {
      for (let index = 0; index < podsInAll; index++) {
        const kind = markedKinds[index % markedKinds.length]!;
        const name = `${kind.name}-${index}`;
        const { metadata } = await client.create(pods, kind.pod(name, markers));
        made.push({ name, kind, uid: metadata.uid });
        // Some while they start, others when they have run for a while, a few by force.
        const old = made.filter((one) => !deleted.has(one.name));
        const victim = old.length > atOnce ? old[below(old.length)] : undefined;
        if (victim !== undefined) {
          deleted.add(victim.name);
          await remove(victim.name, below(6) === 0 ? 0 : undefined);
        }
        await sleep(150 + below(400));
      }
      state.churning = false;
    };

    const kill = async (): Promise<number> => {
      let killed = 0;
      while (state.churning || killed < kills) {
        const pid = await cluster.pidOf("node-1");
        const up = cluster.up();
        // Half of the time the agent is not done finding what its predecessor left.
        const begun = eventually("an agent", async () => (await cluster.pidOf("node-1")) !== pid);
        begun.catch(() => undefined);
        await (below(2) === 0 ? Promise.race([up, begun]) : up);
        await sleep(below(longestLife[below(longestLife.length)]!));
        const victim = await cluster.pidOf("node-1");
        process.kill(victim, "SIGKILL");
        killed++;
        await eventually("its end", async () => !existsSync(`/proc/${victim}`));
        await up.catch(() => undefined);
      }
      return killed;
    };

    const [, killed] = await Promise.all([churn(), kill()]);
    expect(killed).toBeGreaterThanOrEqual(kills);
    await cluster.up();

    const kept = made.filter(({ name }) => !deleted.has(name));
    const settled = await eventually(
      "every pod to be as it should",
      async () => {
        const now = await list();
        const gone = [...deleted].every((name) => !now.has(name));
        const done = kept.every(({ name, kind }) => isAsItShould(now.get(name), kind));
        if (gone && done) return now;
        const wrong = kept
          .filter(({ name, kind }) => !isAsItShould(now.get(name), kind))
          .map(({ name }) => now.get(name)?.status);
        throw new Error(`still there: ${[...deleted].filter((name) => now.has(name)).join()}; not yet: ${JSON.stringify(wrong)}`);
      },
      40_000,
    );
    expect(kept.flatMap((one) => complaints(one, settled.get(one.name)!))).toEqual([]);
    const runs = readMarkers(join(markers, "runs"));
    expect([...runs].filter(([, count]) => count > 1)).toEqual([]);
    for (const { uid, name, kind } of kept) {
      for (const [container, count] of Object.entries(kind.runs)) {
        const ran = [...runs.keys()].filter((key) => key.startsWith(`${uid}/containers/${container}/`));
        expect(ran.length, `runs of ${container} in ${name}: ${ran.join()}`).toBe(count);
      }
    }

    await Promise.all(kept.map(({ name }) => remove(name, 1)));
    await eventually("all pods to be gone", async () => (await list()).size === 0);
    await eventually("nothing of them to be left", async () => {
      expect(await leftovers(cluster)).toEqual(empty);
      return true;
    });
  }, 240_000);
});

function isAsItShould(pod: Stored<Pod> | undefined, { phase }: MarkedKind): boolean {
  if (pod?.status?.phase !== phase) return false;
  return phase !== "Running" || pod.status.conditions?.find(({ type }) => type === "Ready")?.status === "True";
}

/** What its status says that is not true. */
function complaints({ name, kind }: Made, { status = {} }: Stored<Pod>): string[] {
  const statuses = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  return Object.entries(kind.runs).flatMap(([container, runs]) => {
    const found = statuses.find((one) => one.name === container);
    const exitCode = kind.exitCodes[container];
    const said = found?.state?.terminated;
    const told = `${container} of ${name}: ${JSON.stringify(found)}`;
    const failedBefore = runs === 1 || found?.lastState?.terminated?.exitCode === 7;
    const exited = exitCode === undefined ? found?.state?.running !== undefined : said?.exitCode === exitCode;
    const named = exitCode === undefined || said?.reason === (exitCode === 0 ? "Completed" : "Error");
    return found?.restartCount === runs - 1 && exited && named && failedBefore ? [] : [told];
  });
}

type Leftovers = Awaited<ReturnType<typeof leftovers>>;

/** Everything that a pod has on its machine and must give back. */
async function leftovers(cluster: TestCluster) {
  const state = join(cluster.folder, "state", cluster.name, "nodes");
  const node = join(state, "node-1");
  const namespace = (kind: string): string => join(state, "namespaces", "node-1", kind);
  const names = (...path: string[]): Promise<string[]> => readdir(join(node, ...path)).catch(() => []);
  const inNode = (...argv: string[]): Promise<string> =>
    succeed(["nsenter", `--net=${namespace("net")}`, `--mount=${namespace("mnt")}`, "--wd=/", ...argv]);
  const links = JSON.parse(await inNode("ip", "-json", "link")) as { ifname: string }[];
  const { processes, mounts } = await hostState();
  // Others may have clusters here, too.
  const agent = (await readFile(`/proc/${await cluster.pidOf("node-1")}/cmdline`, "utf8")).split("\0");
  const group = agent[agent.indexOf("--cgroup") + 1] ?? "";
  return {
    processes: processes.filter((command) => command.includes("conmon") && command.includes(cluster.folder)),
    mounts: [...mounts.filter((mount) => mount.includes(cluster.folder)), ...(await cluster.nodeMounts(1))],
    cgroups: podCgroups().filter((path) => path.includes(`${group}/`)),
    links: links.map(({ ifname }) => ifname).sort(),
    addresses: await addressesHeld(join(node, "addresses.json")),
    records: [...(await names("runtime", "containers")), ...(await names("runtime", "sandboxes"))],
    run: [...(await names("run", "oci")), ...(await names("run", "sandboxes")), ...(await names("run", "exits"))],
    folders: [...(await names("pods")), ...(await names("logs"))],
    sleepers: (await succeed(["ps", "-eo", "args"])).split("\n").filter((line) => line.includes("/markers/runs")),
  };
}

async function addressesHeld(file: string): Promise<readonly string[]> {
  const text = await succeed(["cat", file]).catch(() => "{}");
  return Object.values((JSON.parse(text) as { pool?: { held?: Record<string, string> } }).pool?.held ?? {});
}
