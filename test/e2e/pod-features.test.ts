import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadHelloImage } from "./hello-image.ts";
import { whyNot } from "./requirements.ts";
import { eventually, start } from "./run.ts";
import { type Kubectl, TestCluster } from "./test-cluster.ts";

const reason = whyNot({ kubectl: ["1.33"], tools: ["catatonit", "script"] });

interface Status {
  readonly phase: string;
  readonly reason?: string;
  readonly message?: string;
  readonly podIP?: string;
  readonly hostIP?: string;
  readonly qosClass?: string;
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
}

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly stopSignal?: string;
  readonly state: {
    readonly waiting?: { reason: string; message?: string };
    readonly running?: object;
    readonly terminated?: Ended;
  };
  readonly lastState: { readonly terminated?: Ended };
}

interface Ended {
  readonly exitCode: number;
  readonly message?: string;
}

interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: Status;
}

const idle = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

function pod(name: string, containers: readonly object[], spec: object = {}): object {
  const whole = (one: object) => ({
    image: "skiff.local/hello:1",
    imagePullPolicy: "Never",
    command: ["sh", "-c", idle],
    ...one,
  });
  const { initContainers = [] } = spec as { initContainers?: readonly object[] };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { tier: "test" } },
    spec: {
      nodeName: "node-1",
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 5,
      ...spec,
      containers: containers.map(whole),
      initContainers: initContainers.map(whole),
    },
  };
}

const sh = (script: string) => ({ command: ["sh", "-c", script] });
const data = { name: "data", emptyDir: {} };
const inData = { name: "data", mountPath: "/data" };
const hook = (script: string) => ({ exec: sh(script) });

/** Each test's pods, all made at once: what they wait for happens side by side. */
const objects: readonly object[] = [
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { color: "green", gone: "soon" } },
  { apiVersion: "v1", kind: "Secret", metadata: { name: "login" }, stringData: { password: "one" } },
  pod(
    "hooks",
    [
      {
        name: "main",
        ...sh("trap 'echo usr1; exit 0' USR1; echo begun; while :; do sleep 0.1; done"),
        lifecycle: {
          postStart: hook("sleep 1; cut -d' ' -f1 /proc/uptime > /data/prepared"),
          preStop: hook("echo prestop > /proc/1/fd/1"),
          stopSignal: "SIGUSR1",
        },
        volumeMounts: [inData],
      },
      { name: "next", ...sh(`cat /data/prepared && cut -d' ' -f1 /proc/uptime; ${idle}`), volumeMounts: [inData] },
    ],
    { volumes: [data], os: { name: "linux" } },
  ),
  pod("hook-fails", [
    {
      name: "main",
      ...sh("trap 'exit 9' TERM; while :; do sleep 0.1; done"),
      lifecycle: { postStart: hook("echo the secret; exit 3") },
    },
  ]),
  pod(
    "words",
    [
      {
        name: "said",
        ...sh("echo attempt >> /data/log; cat /data/log; printf bye > /dev/termination-log; exit 3"),
        volumeMounts: [inData],
      },
      { name: "logged", ...sh("echo the last line; exit 4"), terminationMessagePolicy: "FallbackToLogsOnError" },
    ],
    { restartPolicy: "Always", volumes: [data] },
  ),
  pod(
    "rules",
    [
      {
        name: "main",
        ...sh("[ -e /data/once ] && exit 0; touch /data/once; exit 42"),
        restartPolicy: "Never",
        restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
        volumeMounts: [inData],
      },
    ],
    { volumes: [data] },
  ),
  pod(
    "config",
    [
      {
        name: "main",
        ...sh("while :; do cat /cfg/color /all/color /sec/password > /dev/null || echo missing; done"),
        volumeMounts: [
          { name: "cfg", mountPath: "/cfg" },
          { name: "sec", mountPath: "/sec" },
          { name: "all", mountPath: "/all" },
          { name: "cfg", mountPath: "/once", subPath: "color" },
        ],
      },
    ],
    {
      volumes: [
        { name: "cfg", configMap: { name: "settings" } },
        { name: "sec", secret: { secretName: "login", defaultMode: 0o400 } },
        {
          name: "all",
          projected: {
            sources: [
              { configMap: { name: "settings", items: [{ key: "color", path: "color", mode: 0o440 }] } },
              { secret: { name: "login", items: [{ key: "password", path: "deep/password" }] } },
              { configMap: { name: "later", optional: true } },
            ],
          },
        },
      ],
    },
  ),
  pod(
    "env",
    [
      {
        name: "main",
        ...sh(`env; ls /data > /dev/null && touch /data/here; ${idle}`),
        env: [
          { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "TIER", valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
          {
            name: "OTHER",
            valueFrom: { resourceFieldRef: { containerName: "other", resource: "requests.memory", divisor: "1Mi" } },
          },
          { name: "NONE", valueFrom: { configMapKeyRef: { name: "settings", key: "none", optional: true } } },
          { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "login", key: "password" } } },
        ],
        envFrom: [{ prefix: "CFG_", configMapRef: { name: "settings" } }],
        resources: { limits: { cpu: "250m" } },
        volumeMounts: [{ ...inData, subPathExpr: "of/$(POD_NAME)" }],
      },
      { name: "other", volumeMounts: [inData], resources: { requests: { memory: "24Mi" } } },
    ],
    { volumes: [data] },
  ),
  pod("escape", [{ name: "main", volumeMounts: [{ name: "data", mountPath: "/out", subPath: "out" }] }], {
    volumes: [data],
    initContainers: [{ name: "link", ...sh("ln -s /etc /data/out"), volumeMounts: [inData] }],
  }),
  pod("host", [{ name: "main" }], { hostNetwork: true, hostPID: true, hostIPC: true }),
  pod("shared", [{ name: "one", ...sh("exec sleep 4711") }, { name: "two" }], { shareProcessNamespace: true }),
  pod("guaranteed", [{ name: "main", resources: { limits: { cpu: "200m", memory: "32Mi" } } }]),
  pod("burstable", [
    { name: "main", resources: { requests: { cpu: "100m", memory: "16Mi" }, limits: { memory: "32Mi" } } },
    { name: "side", resources: { limits: { memory: "48Mi" } } },
  ]),
  pod("best-effort", [{ name: "main" }]),
  pod("names", [{ name: "main" }], {
    hostname: "web",
    subdomain: "shop",
    setHostnameAsFQDN: true,
    hostAliases: [{ ip: "10.1.2.3", hostnames: ["db", "db.example"] }],
    dnsPolicy: "None",
    dnsConfig: { nameservers: ["10.9.9.9"], searches: ["example"], options: [{ name: "ndots", value: "2" }] },
    securityContext: { sysctls: [{ name: "net.ipv4.ip_local_port_range", value: "20000 20999" }] },
  }),
  pod("unsafe", [{ name: "main" }], { securityContext: { sysctls: [{ name: "kernel.msgmax", value: "65536" }] } }),
  pod("root", [{ name: "main", securityContext: { runAsNonRoot: true } }]),
  pod("secure", [{ name: "main", securityContext: { readOnlyRootFilesystem: true, runAsUser: 1000 } }], {
    securityContext: { supplementalGroups: [3000], supplementalGroupsPolicy: "Strict", fsGroup: 2000 },
  }),
  pod("attached", [
    {
      name: "main",
      ...sh("while read line; do echo got $line; echo and $line >&2; done; echo no more; exit 7"),
      stdin: true,
      stdinOnce: true,
    },
  ]),
  pod("debugged", [{ name: "main", ...sh(`echo a file > /tmp/mine; ${idle}`) }]),
  pod("open", [{ name: "main", ...sh("while read line; do echo got $line; done"), stdin: true }]),
  pod("deadline", [{ name: "main" }], { activeDeadlineSeconds: 2 }),
  pod(
    "probed",
    [
      {
        name: "main",
        ...sh(`sleep 1; touch /tmp/started /tmp/ready /tmp/live; ${idle}`),
        startupProbe: { exec: { command: ["test", "-e", "/tmp/started"] }, periodSeconds: 1, failureThreshold: 20 },
        readinessProbe: { exec: { command: ["test", "-e", "/tmp/ready"] }, periodSeconds: 1, failureThreshold: 1 },
        livenessProbe: {
          exec: sh("test -e /tmp/live || { echo it is dead; exit 1; }"),
          periodSeconds: 1,
          failureThreshold: 2,
          terminationGracePeriodSeconds: 1,
        },
      },
    ],
    { restartPolicy: "Always" },
  ),
];

describe.skipIf(reason !== "")(`what a node does for a pod${reason && ` (skipped: ${reason})`}`, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-features");
    await cluster.up("--nodes", "1");
    await loadHelloImage(cluster);
    kubectl = cluster.kubectl("1.33");
    await kubectl.do(["apply", "-f", "-"], objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  });
  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  const get = (name: string) => kubectl.json<PodObject>(["get", "pod", name]);
  const until = (name: string, what: string, condition: (status: Status) => boolean): Promise<PodObject> =>
    eventually(`${name}: ${what}`, async () => {
      const found = await get(name);
      return condition(found.status) && found;
    });
  const of = ({ status }: PodObject, name = "main") => status.containerStatuses?.find((one) => one.name === name);
  const ready = (name: string) =>
    until(
      name,
      "ready",
      ({ containerStatuses = [] }) => containerStatuses.length > 0 && containerStatuses.every((one) => one.ready),
    );
  const exec = async (name: string, script: string, container = "main") =>
    (await kubectl.do(["exec", name, "-c", container, "--", "sh", "-c", script])).trim();
  const events = async (name: string) => {
    const selector = `involvedObject.name=${name}`;
    const { items } = await kubectl.json<{ items: { reason: string; message: string }[] }>([
      "get",
      "events",
      "--field-selector",
      selector,
    ]);
    return items.map(({ reason: why, message }) => `${why}: ${message}`);
  };

  it("runs postStart before anything comes after it, preStop and the stop signal at the end", async () => {
    const started = await ready("hooks");
    expect(of(started)?.stopSignal).toBe("SIGUSR1");
    const [prepared = "", next = ""] = (await kubectl.do(["logs", "hooks", "-c", "next"])).split("\n");
    expect(Number(next)).toBeGreaterThanOrEqual(Number(prepared));
    expect(prepared).toMatch(/^\d/);
    const following = kubectl.start(["logs", "-f", "hooks", "-c", "main"]);
    const ended = new Promise((resolve) => following.child.once("close", resolve));
    await eventually("the log", async () => following.output.stdout === "begun\n");
    await kubectl.do(["delete", "pod", "hooks"]);
    await ended;
    expect(following.output.stdout).toBe("begun\nprestop\nusr1\n");
  });

  it("kills a container whose postStart fails, and tells nobody what the hook said", async () => {
    const failed = await until("hook-fails", "failed", ({ phase }) => phase === "Failed");
    expect(of(failed)?.state.terminated?.exitCode).toBe(9);
    const told = await events("hook-fails");
    expect(told).toContain("FailedPostStartHook: PostStartHook failed");
    expect(told.join()).not.toContain("secret");
  });

  it("shows a container's last words, and the logs of the attempt before", async () => {
    const restarted = await until("words", "restarted", ({ containerStatuses = [] }) =>
      containerStatuses.every(({ restartCount, lastState }) => restartCount > 0 && lastState.terminated !== undefined),
    );
    expect(of(restarted, "said")?.lastState.terminated).toMatchObject({ exitCode: 3, message: "bye" });
    expect(of(restarted, "logged")?.lastState.terminated).toMatchObject({ exitCode: 4, message: "the last line\n" });
    const previous = await kubectl.do(["logs", "-p", "words", "-c", "said"]);
    expect(previous).toMatch(/^(attempt\n)+$/);
  });

  it("restarts a container by its own rules, whatever the pod's policy", async () => {
    const over = await until("rules", "over", ({ phase }) => phase === "Succeeded" || phase === "Failed");
    expect([over.status.phase, of(over)?.restartCount]).toEqual(["Succeeded", 1]);
  });

  it("shows changes of ConfigMaps and Secrets soon, whole, and never nothing", async () => {
    await ready("config");
    expect(await exec("config", "cat /cfg/color /all/deep/password /once; stat -Lc %a /sec/password /all/color")).toBe(
      "greenonegreen400\n440",
    );
    await kubectl.do(["patch", "configmap", "settings", "--type=merge", "-p", '{"data":{"color":"red","gone":null,"new":"1"}}']);
    await kubectl.do(["patch", "secret", "login", "-p", '{"stringData":{"password":"two"}}']);
    await kubectl.do(["create", "configmap", "later", "--from-literal=late=yes"]);
    await eventually("the change", async () => {
      const seen = await exec("config", "cat /cfg/color /cfg/new /all/color /sec/password /all/deep/password /all/late; ls /cfg");
      return seen === "red1redtwotwoyescolor\nnew";
    });
    expect(await exec("config", "cat /once")).toBe("green");
    expect(await kubectl.do(["logs", "config"])).toBe("");
  });

  it("gives variables from fields, resources, ConfigMaps and Secrets, and parts of volumes by them", async () => {
    const { status } = await ready("env");
    const lines = (await kubectl.do(["logs", "env", "-c", "main"])).split("\n");
    const expected = [
      "POD_NAME=env",
      "TIER=test",
      `IP=${status.podIP ?? ""}`,
      "CPU=250",
      "OTHER=24",
      "PASSWORD=one",
      "CFG_gone=soon",
    ];
    expect(lines).toEqual(expect.arrayContaining(expected));
    expect(lines.join("\n")).not.toMatch(/^NONE=/m);
    expect(await exec("env", "ls /data/of/env", "other")).toBe("here");
  });

  it("refuses a part of a volume that leads out of it", async () => {
    const stuck = await until(
      "escape",
      "refused",
      (status) => of({ status } as PodObject)?.state.waiting?.reason === "CreateContainerConfigError",
    );
    expect(of(stuck)?.state.waiting?.message).toBe('failed to prepare subPath for volumeMount "data" of container "main"');
  });

  it("shares the node's network, processes and memory, or the pod's processes", async () => {
    const { status } = await ready("host");
    expect(status.podIP).toBe(status.hostIP);
    const agent = await cluster.pidOf("node-1");
    expect(await exec("host", `tr '\\0' ' ' < /proc/${agent}/cmdline`)).toContain("node");
    await ready("shared");
    expect(await exec("shared", "cat /proc/1/comm; pidof sleep > /dev/null && ps -o args", "two")).toMatch(
      /^catatonit\n[^]*sleep 4711/,
    );
    await exec("shared", "kill $(ps -o pid,args | awk '/[s]leep 4711/ { print $1 }')", "two");
    const ended = await until(
      "shared",
      "one ended",
      (one) => of({ status: one } as PodObject, "one")?.state.terminated !== undefined,
    );
    expect(of(ended, "one")?.state.terminated?.exitCode).toBe(143);
    expect(of(ended, "two")?.state.running).toBeDefined();
  });

  it("puts pods into a tree of cgroups by their quality of service, with limits and scores", async () => {
    const cgroupsOf = async ({ metadata: { uid } }: PodObject) => {
      for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
        const text = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
        if (text.includes(`pod${uid}/`)) return text;
      }
      return "";
    };
    const pods = await Promise.all(["guaranteed", "burstable", "best-effort"].map(ready));
    expect(pods.map(({ status }) => status.qosClass)).toEqual(["Guaranteed", "Burstable", "BestEffort"]);
    const groups = await Promise.all(pods.map(cgroupsOf));
    const folders = ["kubepods", "kubepods/burstable", "kubepods/besteffort"];
    for (const [index, one] of pods.entries())
      expect(groups[index]).toContain(`/${folders[index] ?? ""}/pod${one.metadata.uid}/`);
    const scores = await Promise.all(pods.map(({ metadata }) => exec(metadata.name, "cat /proc/1/oom_score_adj")));
    // Without the capability a score cannot be lowered.
    const mask = /CapEff:\s*(\w+)/.exec(await readFile("/proc/self/status", "utf8"))?.[1] ?? "0";
    const maySetAny = ((BigInt(`0x${mask}`) >> 24n) & 1n) === 1n;
    const lowest = maySetAny ? "-997" : (await readFile("/proc/self/oom_score_adj", "utf8")).trim();
    expect([scores[0], scores[2]]).toEqual([lowest, "1000"]);
    expect(Number(scores[1])).toBeGreaterThan(900);
    expect(Number(scores[1])).toBeLessThan(1000);
    const limit = async (text: string | undefined) => {
      const line = /^\d+:(memory|):(.*)\/[^/]+$/m.exec(text ?? "") ?? [];
      const [root, file] =
        line[1] === "memory" ? ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"] : ["/sys/fs/cgroup", "memory.max"];
      return (await readFile(join(root, line[2] ?? "", file), "utf8")).trim();
    };
    expect(await limit(groups[0])).toBe(`${32 * 2 ** 20}`);
    expect(await limit(groups[1])).toBe(`${80 * 2 ** 20}`);
  });

  it("names pods as they ask, and sets what is safe in their own namespaces", async () => {
    await ready("names");
    const seen = await exec("names", "hostname; cat /proc/sys/net/ipv4/ip_local_port_range /etc/resolv.conf; grep db /etc/hosts");
    expect(seen.replaceAll("\t", " ")).toBe(
      "web.shop.default.svc.cluster.local\n20000 20999\nnameserver 10.9.9.9\nsearch example\noptions ndots:2\n10.1.2.3 db db.example",
    );
  });

  it("refuses what would reach beyond the pod, and what is against the pod's own rules", async () => {
    const unsafe = await until("unsafe", "refused", ({ phase }) => phase === "Failed");
    expect(unsafe.status).toMatchObject({
      reason: "SysctlForbidden",
      message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
    });
    const root = await until(
      "root",
      "refused",
      (status) => of({ status } as PodObject)?.state.waiting?.reason === "CreateContainerConfigError",
    );
    expect(of(root)?.state.waiting?.message).toContain("container has runAsNonRoot and image will run as root");
    await ready("secure");
    const tried = await exec("secure", "touch /x 2>&1; id -u; id -G");
    expect(tried).toBe("touch: /x: Read-only file system\n1000\n0 2000 3000");
  });

  it("attaches to a container's own process: input, both outputs, and its end", async () => {
    await ready("attached");
    const { code, stdout, stderr } = await kubectl.try(["attach", "-i", "attached"], "one\ntwo\n");
    expect([code, stdout]).toEqual([0, "got one\ngot two\nno more\n"]);
    expect(stderr).toContain("and one\nand two\n");
    const over = await until("attached", "over", ({ phase }) => phase === "Failed");
    expect(of(over)?.state.terminated?.exitCode).toBe(7);
  });

  it("keeps a container's input open for the next who attaches, where it is not for one alone", async () => {
    await ready("open");
    for (const word of ["one", "two"]) {
      const attached = kubectl.start(["attach", "-i", "open"]);
      attached.child.stdin?.write(`${word}\n`);
      await eventually(word, async () => attached.output.stdout.includes(`got ${word}\n`));
      attached.child.kill("SIGKILL");
    }
    expect(of(await get("open"))?.state.running).toBeDefined();
  });

  it("lets kubectl debug look at a container's processes from beside it", async () => {
    await ready("debugged");
    const options = ["--image=skiff.local/hello:1", "--image-pull-policy=Never", "--target=main", "-c", "debugger"];
    const look = "tr '\\0' ' ' < /proc/1/cmdline; echo; cat /proc/1/root/tmp/mine\nexit 4\n";
    const { stdout } = await kubectl.try(["debug", "-i", "debugged", ...options, "--", "sh"], look);
    expect(stdout).toMatch(/sh -c echo a file .*\na file\n$/);
    const ended = await until("debugged", "looked at", ({ ephemeralContainerStatuses = [] }) =>
      ephemeralContainerStatuses.some(({ state }) => state.terminated !== undefined),
    );
    expect(ended.status.ephemeralContainerStatuses?.[0]).toMatchObject({
      name: "debugger",
      state: { terminated: { exitCode: 4 } },
    });
    expect([ended.status.phase, of(ended)?.ready]).toEqual(["Running", true]);
  });

  it("gives kubectl run a shell with a terminal, and takes it away", async () => {
    const image = "--image=skiff.local/hello:1 --image-pull-policy=Never --restart=Never";
    const line = `stty rows 33 cols 101; exec ${kubectl.binary} run shell ${image} -it --rm -- sh`;
    const script = start(["script", "-qec", line, "/dev/null"], { env: kubectl.env });
    const ended = new Promise<number>((resolve) => script.child.once("close", (status) => resolve(status ?? -1)));
    const type = async (text: string, expected: RegExp) => {
      await eventually(text, async () => {
        script.child.stdin?.write(text);
        await new Promise((resolve) => setTimeout(resolve, 300));
        if (expected.test(script.output.stdout.replaceAll("\r", ""))) return true;
        throw new Error(JSON.stringify(script.output.stdout));
      });
    };
    await type("\n", /# /);
    await type("stty size; echo $((40 + 2))\n", /33 101\n42\n/);
    script.child.stdin?.write("exit 5\n");
    expect(await ended).toBe(5);
    expect((await kubectl.try(["get", "pod", "shell"])).stderr).toContain("not found");
  });

  it("ends a pod at its deadline", async () => {
    const { status } = await until("deadline", "ended", ({ phase }) => phase === "Failed");
    expect(status.reason).toBe("DeadlineExceeded");
  });

  it("probes containers: started, ready, not ready, and restarted once it is dead", async () => {
    await ready("probed");
    await exec("probed", "rm /tmp/ready");
    await until("probed", "not ready", (status) => of({ status } as PodObject)?.ready === false);
    await exec("probed", "rm /tmp/live");
    const again = await until("probed", "restarted", (status) => of({ status } as PodObject)?.restartCount === 1);
    expect(of(again)?.lastState.terminated).toBeDefined();
    const told = await events("probed");
    expect(told).toContain("Killing: Container main failed liveness probe, will be restarted");
    expect(told.join()).toContain("Unhealthy: Liveness probe failed: it is dead");
  });
});
