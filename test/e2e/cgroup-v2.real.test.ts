import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "#base/package-root";
import { buildBusyboxImage } from "#cluster/example-image";
import { findProgram } from "#cluster/local-nodes/missing-tools";
import { kubectlBinary, whyNot } from "./requirements.ts";
import { succeed } from "./run.ts";
import { V2Machine } from "./v2-machine/v2-machine.ts";

const tools = ["qemu-system-x86_64", "setpriv", "apt-get", "dpkg-deb", "curl"];
// The machine runs this one's programs.
const reason = process.arch === "x64" ? whyNot({ tools, kubectl: ["1.33"] }) : "needs an x86-64 processor";
const cgroups = "/sys/fs/cgroup";
const session = `${cgroups}/user.slice/user-0.slice/session-1.scope`;
/** What a machine whose every instruction is emulated needs for what takes a second elsewhere. */
const patienceMs = 400_000;
const mebibyte = 1024 * 1024;

/** A user's machine: cgroup v2 alone, laid out by systemd, `skiff up` typed in a login session. */
describe.skipIf(reason !== "")(`a cluster on a machine with cgroup v2${reason && ` (skipped: ${reason})`}`, () => {
  let machine: V2Machine;
  /** Of the cluster, below the root. */
  let group: string;
  const skiff = (command: string): string => `node dist/main.js ${command} --name v2 --state-dir /run/tmp/state`;
  const kubectl = (command: string): string => `${kubectlBinary("1.33") ?? ""} --kubeconfig /run/tmp/kubeconfig ${command}`;
  const read = async (path: string): Promise<string> => (await machine.do(`cat ${path}`)).trim();
  /** Every file of that pattern, by its name. */
  const readAll = async (folder: string, files: readonly string[]): Promise<Record<string, string>> => {
    const lines = (await machine.do(`cd ${folder}; grep -H . ${files.join(" ")}`)).trim().split("\n");
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
  };
  const foldersBelow = async (path: string): Promise<readonly string[]> =>
    (await machine.do(`find ${path} -mindepth 1 -type d`)).split("\n").filter((line) => line !== "");

  beforeAll(async () => {
    // Makes the bundle, if need be, where it can be written.
    await succeed([join(packageRoot, "skiff"), "--version"]);
    machine = await V2Machine.boot({ lifetimeMs: 1_200_000 });
    await buildBusyboxImage({
      outputDirectory: join(machine.share, "image"),
      busyboxPath: findProgram("busybox", process.env["PATH"] ?? "") ?? "",
    });
    await writeFile(join(machine.share, "pods.json"), JSON.stringify(manifest));
    await machine.do(skiff("up --nodes 1 --kubeconfig /run/tmp/kubeconfig"));
    group = (await machine.do(`ls -d ${cgroups}/skiff-*`)).trim();
  }, patienceMs);

  afterAll(() => (machine as V2Machine | undefined)?.powerOff());

  it(
    "limits pods and containers as they ask",
    async () => {
      await machine.do(`${skiff("image load /run/machine/image")} && ${kubectl("apply -f /run/machine/pods.json")}`);
      await machine.do(kubectl("rollout status deployment/limited --timeout=300s"));
      const uid = await machine.do(kubectl("get pod -l app=limited -o jsonpath='{.items[0].metadata.uid}'"));
      const pod = `${group}/node-1/kubepods/burstable/pod${uid}`;
      const [container = ""] = await foldersBelow(pod);
      const files = ["cpu.max", "cpu.weight", "memory.max", "pids.max"];
      const limits = { "cpu.max": "50000 100000", "cpu.weight": "10", "memory.max": String(64 * mebibyte), "pids.max": "max" };
      expect(await readAll(pod, files)).toEqual({ ...limits, "pids.max": "4096" });
      expect(await readAll(container, [...files, "memory.swap.max", "memory.oom.group"])).toEqual({
        ...limits,
        "memory.swap.max": "0",
        "memory.oom.group": "1",
      });
    },
    patienceMs,
  );

  it(
    "says OOMKilled of a container that ran out of memory, and of no other that ends so",
    async () => {
      const terminated = "{.status.containerStatuses[0].state.terminated}";
      const ended = "--for=jsonpath='{.status.phase}'=Failed --timeout=300s";
      await machine.do(kubectl(`wait pod/greedy pod/other ${ended}`));
      const states = await machine.do(kubectl(`get pod greedy other -o jsonpath='{range .items[*]}${terminated}{"\\n"}{end}'`));
      const told = states
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { exitCode: number; reason: string })
        .map(({ exitCode, reason: why }) => ({ exitCode, why }));
      expect(told).toEqual([
        { exitCode: 137, why: "OOMKilled" },
        { exitCode: 137, why: "Error" },
      ]);
    },
    patienceMs,
  );

  it(
    "outlives the login session that started it, and leaves systemd's groups alone",
    async () => {
      // One that is in the session would end with it.
      const logOut = `echo $$ > ${cgroups}/init.scope/cgroup.procs; echo 1 > ${session}/cgroup.kill`;
      const processes = async (): Promise<string[]> => (await read(`${group}/_processes/cgroup.procs`)).split("\n");
      const before = await processes();
      // What they have started for a moment is none of the cluster's.
      await machine.do("sleep 1");
      const still = await processes();
      const lasting = before.filter((pid) => still.includes(pid));
      expect(lasting.length).toBeGreaterThanOrEqual(4);
      await machine.do(logOut);
      expect(await processes()).toEqual(expect.arrayContaining(lasting));
      const address = await machine.do(kubectl("get pod -l app=limited -o jsonpath='{.items[0].status.podIP}'"));
      expect(await machine.do(`curl -sf -m 120 http://${address}:8080`)).toContain("Hello from limited-");
      expect(await read(`${cgroups}/user.slice/cgroup.subtree_control`)).toBe("cpu memory pids");
    },
    patienceMs,
  );

  it(
    "sets limits in what a container takes for the root of the groups, though its own processes are in it",
    async () => {
      const own = `${cgroups}/docker/one`;
      const test = "node node_modules/vitest/vitest.mjs run --project e2e node-agent/cgroups";
      await writeFile(
        join(machine.share, "inside.sh"),
        `umount ${cgroups} && mount -t cgroup2 cgroup2 ${cgroups} && grep -q . ${cgroups}/cgroup.procs && CI=true ${test}`,
      );
      await machine.do(`mkdir -p ${own}; echo "+cpu +memory +pids" > ${cgroups}/docker/cgroup.subtree_control`);
      const output = await machine.do(`echo $$ > ${own}/cgroup.procs; unshare --cgroup --mount sh /run/machine/inside.sh`);
      expect(output).toContain("2 passed, 0 failed");
    },
    patienceMs,
  );

  it(
    "leaves no control group of a deleted pod, and nothing at all after down",
    async () => {
      await machine.do(kubectl("delete --timeout=300s -f /run/machine/pods.json"));
      await machine.do(`i=0; while find ${group} -name 'pod*' | grep -q .; do i=$((i+1)); [ $i -lt 300 ]; sleep 1; done`);
      await machine.do(skiff("down"));
      expect(await machine.do(`ls ${cgroups} | grep skiff || true`)).toBe("");
      expect(await machine.do(`grep skiff /proc/mounts || true`)).toBe("");
      expect(await machine.do("nft list ruleset; ip -o link | grep -v ' lo:' || true")).toBe("");
      expect(await machine.do("ps ax | grep -E '[m]ain.js run|[c]onmon' || true")).toBe("");
    },
    patienceMs,
  );
});

const resources = { requests: { cpu: "250m", memory: "32Mi" }, limits: { cpu: "500m", memory: "64Mi" } };
const image = { image: "skiff.local/hello:1", imagePullPolicy: "Never" };

const manifest = {
  apiVersion: "v1",
  kind: "List",
  items: [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "limited" },
      spec: {
        selector: { matchLabels: { app: "limited" } },
        template: {
          metadata: { labels: { app: "limited" } },
          spec: { containers: [{ name: "web", ...image, resources }], terminationGracePeriodSeconds: 5 },
        },
      },
    },
    endingPod("greedy", ["sh", "-c", "exec tail /dev/zero"]),
    endingPod("other", ["sh", "-c", "exit 137"]),
  ],
};

function endingPod(name: string, command: readonly string[]): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      containers: [{ name: "main", ...image, command, resources: { limits: { memory: "32Mi" } } }],
    },
  };
}
