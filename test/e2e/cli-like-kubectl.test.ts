import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "#base/package-root";
import { loadHelloImage } from "./hello-image.ts";
import { kubectlBinary, whyNot } from "./requirements.ts";
import { eventually, run, type Ran } from "./run.ts";
import { TestCluster, type Kubectl } from "./test-cluster.ts";

const version = "1.33";

/**
 * The same commands by kubectl and by skiff, one program after the other, each in a namespace of the same name: standard output,
 * error output and exit code must be the same. What is meant to differ is in tests of its own below.
 */
const files: Readonly<Record<string, string>> = {
  "web.yaml": `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  on: "yes"
  text: |
    a <b> & c
    d
  mode: "0777"
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web:1
        ports: [{containerPort: 80}]
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        livenessProbe: {httpGet: {path: /, port: 80}}
        volumeMounts: [{name: settings, mountPath: /etc/settings}]
      volumes: [{name: settings, configMap: {name: settings}}]
`,
  "typo.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: typo}\ndaat: {}\n",
  "foo.yaml": "apiVersion: v1\nkind: Foo\nmetadata: {name: typo}\n",
  "no-kind.yaml": "apiVersion: v1\nmetadata: {name: typo}\n",
  "invalid.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: Bad_Name}\nspec: {containers: [{name: A, image: x}, {name: b}]}\n",
  "scalars.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: x}
spec:
  values: [yes, No, on, OFF, y, N, true, tRUE, ~, NULL, 0777, 0o17, 0x1F, 0b11, 08, 1_000, +12, -3, 1e3, 1.50, .5, 1., 0., 089, -010,
    1.2.3, 12:30:45, 2026-01-02, 2026-01-02T03:04:05Z, "yes", '0777', !!str 12, 1Gi, 1E400, !!binary aGk=, !!timestamp 2026-01-02]
  on: key
  2: key
  1.5: key
  base: &base {x: 1, z: 2}
  merged: {<<: *base, z: 3}
`,
};
const changed = files["web.yaml"]!.replace('value: "1"', 'value: "3"')
  .replace(', {name: B, value: "2"}', "")
  .replace("labels: {app: web}", "labels: {app: web, tier: x}");

const commands = {
  get: `
    get
    get foo
    get pods
    get pods x
    get pods x y
    get po/x svc/nope
    get pods po/x
    get ns/default/x
    get pods,foo
    get --bogus
    get -Z
    get pods -n
    get ns --chunk-size=x
    get ns --watch=maybe
    get pods --context nope
    get ns,cm
    get all
    get deploy,svc
    get ns
    get ns -o json
    get ns -o yaml
    get ns -o name
    get ns default -o yaml
    get ns default kube-system -o json
    get ns default nope
    get ns --show-labels -L kubernetes.io/metadata.name
    get ns --sort-by=.metadata.name --no-headers
    get ns -o 'jsonpath={.items[*].metadata.name}'
    get ns -o 'jsonpath={range .items[*]}{.metadata.name}{"\\t"}{.status.phase}{"\\n"}{end}'
    get ns -o custom-columns=NAME:.metadata.name,PHASE:.status.phase,NONE:.nope
    get ns default -o 'jsonpath={.status'
    get cm -o yaml
    get cm -o wide --show-kind
    get pods -l 'a=('
    get pods --field-selector a=b
    get pods --ignore-not-found x
    get crd
    get --raw /api
    api-resources
    api-resources -o wide
    api-resources -o name --namespaced=false
    api-resources --api-group=apps --no-headers
    api-resources --sort-by=kind
    api-resources --verbs=list,get --categories=all`,
  apply: `
    apply
    apply -f nofile.yaml
    apply -f web.yaml --dry-run=client
    apply -f web.yaml --dry-run=server
    apply -f web.yaml
    get cm settings -o yaml
    get deploy web -o jsonpath={.metadata.annotations}
    apply -f web.yaml
    apply -f changed.yaml
    get deploy web -o jsonpath={.metadata.annotations}{.spec.template.spec.containers}
    apply -f changed.yaml -o name
    apply -f web.yaml -o yaml
    apply -f typo.yaml
    apply -f typo.yaml --validate=warn
    apply -f typo.yaml --validate=ignore
    apply -f foo.yaml
    apply -f no-kind.yaml
    apply -f invalid.yaml
    apply -f web.yaml --validate=x
    apply -f web.yaml --dry-run=maybe
    create
    create -f web.yaml
    create -f scalars.yaml --dry-run=client --validate=false -o json
    create -f scalars.yaml --dry-run=client --validate=false -o yaml
    describe cm kube-root-ca.crt
    describe deploy web
    describe ns default
    describe sa default
    describe pod nope
    describe secrets
    delete -f nofile.yaml
    delete pods
    delete
    delete cm nope
    delete cm nope --ignore-not-found
    delete cm settings --dry-run=client
    delete cm settings --dry-run=server
    delete cm settings -o name
    delete cm -l a=b
    delete cm x --now --grace-period=3
    delete cm x --cascade=foo
    delete -f web.yaml
    delete -f web.yaml --ignore-not-found`,
  change: `
    apply -f web.yaml
    label
    label cm settings
    label cm settings a=b
    label cm settings a=b
    label cm settings a=c
    label cm settings a=c --overwrite
    label cm settings a- nope-
    label cm settings x=y z=1 --dry-run=client
    label cm settings x=y z=1 --dry-run=server
    label cm settings x=y -o name
    label cm settings --list
    label cm nope a=b
    label cm settings 'a=b c'
    label cm settings a=b cm
    label cm settings a=b a-
    label -f web.yaml from=file
    annotate cm settings
    annotate cm settings d=e
    annotate cm settings d=f
    annotate cm settings d=f --overwrite
    annotate cm settings d-
    get cm settings -o yaml
    scale deploy web
    scale deploy web --replicas=2 --dry-run=client
    scale deploy nope --replicas=1
    scale deploy/web --replicas=-1
    scale deploy/web --replicas=1 --current-replicas=5
    scale deploy/web --replicas=0 --current-replicas=0
    scale cm settings --replicas=1
    rollout status deploy/web
    rollout restart deploy/web
    rollout status deploy/web --timeout=60s
    rollout history deploy/web
    rollout history deploy/web --revision=1
    rollout history deploy/web --revision=9
    rollout undo deploy/web --dry-run=server
    rollout undo deploy/web
    rollout status deploy/web
    rollout undo deploy/web --to-revision=9
    rollout undo deploy/web --to-revision=3
    rollout pause deploy/web
    rollout pause deploy/web
    rollout restart deploy/web
    rollout undo deploy/web
    rollout resume deploy/web
    rollout resume deploy/web
    rollout restart cm/settings
    rollout history cm/settings
    rollout undo cm/settings
    rollout status cm/settings
    rollout pause cm settings
    rollout status deploy/nope
    rollout bogus
    logs
    logs a b c
    logs nope
    logs deploy/nope`,
  explain: `
    explain
    explain foo
    explain a b
    explain pod
    explain pod.spec.bogus
    explain pod.spec.restartPolicy
    explain pod.spec.containers --recursive
    explain pod.spec.nodeSelector
    explain pods.spec.containers.resources.limits
    explain cm --recursive
    explain svc.spec.ports
    explain pod --api-version=v2`,
} as const;

const withPods = `
    logs two
    logs two -c b
    logs two b
    logs two -c zz
    logs pod/two -c a
    logs two --all-containers --prefix
    logs two --tail=1 -c a
    logs two --since=1h --since-time=2020-01-01T00:00:00Z
    logs two --previous -c a
    logs -l app=none
    get pods
    describe pod two
    describe node node-1
    delete pod two --now
    get pods`;

const pod = JSON.stringify({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "two", labels: { app: "two" } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: "a",
        image: "skiff.local/hello:1",
        imagePullPolicy: "Never",
        command: ["sh", "-c", "echo one; echo two; sleep 1000"],
      },
      { name: "b", image: "skiff.local/hello:1", imagePullPolicy: "Never", command: ["sh", "-c", "echo three; sleep 1000"] },
    ],
  },
});

const skiff = join(packageRoot, "skiff");
const programs = (kubectl: Kubectl): readonly string[] => [kubectl.binary, skiff];

/** The words of a line, as a shell would split it. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'([^']*)'|([^\s']+))+/g)].map(([word]) => word.replace(/'([^']*)'/g, "$1"));
}

interface Step {
  readonly command: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without what no two runs have in common. */
function comparable(command: string, { code, stdout, stderr }: Ran): Step {
  const plain = (text: string): string =>
    text
      .replace(/kubectl(?:\.\d\.\d+)?(?=[ ']|$)/gm, "skiff")
      .replace(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, "UID")
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z|\w{3}, \d\d \w{3} \d{4} [\d:]+ \+0000/g, "TIME")
      .replace(/("?(?:resourceVersion|observedGeneration)"?: )"?\d+"?/g, "$1N")
      .replace(/pod-template-hash=\w+/g, "pod-template-hash=HASH")
      .replace(/web-[a-z0-9]{8,10}\b/g, "web-HASH")
      .replace(/kube-api-access-\w{5}/g, "kube-api-access-SUFFIX")
      .replace(/[0-9a-f]{64}/g, "ID")
      .replace(/\b(?:\d+\.){3}\d+\b/g, "IP")
      .replace(/\b\d+(?:s|m\d*s?|h\d*m?)(?: \(x\d+ over \w+\))?(?=\s|$)/gm, "AGE")
      .replace(/ {2,}/g, "  ")
      // How much of a rollout one still sees is a matter of speed.
      .replace(/^Waiting for deployment .*\n/gm, "");
  // In which order containers come kubectl leaves to a map of Go.
  const inOrder = command.includes("--all-containers") ? sortedLines : (text: string): string => text;
  return { command, code, stdout: inOrder(plain(stdout)), stderr: plain(stderr) };
}

function sortedLines(text: string): string {
  return text.split("\n").sort().join("\n");
}

async function transcripts(
  cluster: TestCluster,
  folder: string,
  lines: string,
  prepare: (kubectl: Kubectl) => Promise<void> = async () => undefined,
): Promise<readonly [kubectl: readonly Step[], skiff: readonly Step[]]> {
  const kubectl = cluster.kubectl(version);
  const found: Step[][] = [];
  for (const program of programs(kubectl)) {
    await kubectl.do(["delete", "namespace", "twin", "--ignore-not-found"]);
    await kubectl.do(["create", "namespace", "twin"]);
    await eventually("what every namespace has", async () => {
      const { code } = await kubectl.try(["get", "-n", "twin", "sa/default", "cm/kube-root-ca.crt"]);
      return code === 0;
    });
    await prepare(kubectl);
    const steps: Step[] = [];
    for (const line of lines.trim().split("\n")) {
      const [name = "", ...rest] = words(line.trim());
      const argv = rest.at(-1) === "-n" ? [name, ...rest] : [name, ...rest, "--namespace=twin"];
      steps.push(comparable(line.trim(), await run([program, ...argv], { env: cluster.env, cwd: folder })));
    }
    found.push(steps);
  }
  return [found[0] ?? [], found[1] ?? []];
}

async function filesIn(prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  for (const [name, text] of Object.entries({ ...files, "changed.yaml": changed })) await writeFile(join(folder, name), text);
  return folder;
}

const missing = kubectlBinary(version) === undefined;
if (missing && process.env["CI"] === "true") throw new Error(`missing in CI: kubectl.${version}`);

describe.skipIf(missing)(`skiff beside kubectl ${version}${missing ? " (not found)" : ""}, on a control plane alone`, () => {
  let cluster: TestCluster;
  let folder: string;

  beforeAll(async () => {
    folder = await filesIn("skiff-twin-");
    cluster = await TestCluster.create("e2e-twin");
    await cluster.up("--nodes", "0", "--store", "memory");
  });

  afterAll(async () => {
    await (cluster as TestCluster | undefined)?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(Object.entries(commands))(
    "%s: the same words and exit codes",
    async (_, lines) => {
      const [expected, found] = await transcripts(cluster, folder, lines);
      expect(found).toEqual(expected);
    },
    240_000,
  );

  const skiffRun = (argv: readonly string[], input?: string): Promise<Ran> =>
    run([skiff, ...argv], { env: cluster.env, cwd: folder, ...(input !== undefined && { input }) });

  it("says in which line and column a file is malformed, and applies what stands before", async () => {
    const text =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n---\nkind: ConfigMap\nmetadata:\n  name: second\n data: x\n";
    const { code, stdout, stderr } = await skiffRun(["apply", "-f", "-"], text);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "configmap/first created\n",
      stderr: "error: error parsing STDIN: line 8, column 2: bad indentation of a mapping entry\n",
    });
  });

  it("names the formats it has, and no others", async () => {
    const { code, stderr } = await skiffRun(["get", "pods", "-o", "foo"]);
    expect([code, stderr]).toEqual([
      1,
      'error: unable to match a printer suitable for the output format "foo", allowed formats are: custom-columns,json,jsonpath,jsonpath-as-json,name,wide,yaml\n',
    ]);
  });

  it.each([
    ["apply", "--server-side", "-f", "web.yaml"],
    ["apply", "--prune", "-f", "web.yaml"],
    ["apply", "-k", "."],
  ])("refuses what it cannot do: %s %s", async (...argv) => {
    const { code, stderr } = await skiffRun(argv);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: --?\S+ is not supported/)]);
  });

  it("shows descriptions of fields, to kubectl too", async () => {
    const kubectl = cluster.kubectl(version);
    for (const text of [await kubectl.do(["explain", "pod.spec"]), (await skiffRun(["explain", "pod.spec"])).stdout]) {
      expect(text).toContain("PodSpec is a description of a pod.");
      expect(text).not.toContain("<no description>");
    }
  });

  it("says once what a field and its type say alike", async () => {
    const { stdout } = await skiffRun(["explain", "pod.spec"]);
    expect(stdout.split("PodSpec is a description of a pod.")).toHaveLength(2);
  });

  it("watches until it is told to stop, and then says nothing", async () => {
    const { start } = await import("./run.ts");
    const kubectl = cluster.kubectl(version);
    const watch = start([skiff, "get", "configmaps", "-w", "--output-watch-events"], { env: cluster.env });
    try {
      await eventually("the first rows", async () => watch.output.stdout.includes("kube-root-ca.crt"));
      await kubectl.do(["create", "configmap", "watched"]);
      await kubectl.do(["delete", "configmap", "watched"]);
      await eventually("the last row", async () => /^DELETED +watched/m.test(watch.output.stdout));
      expect(watch.output.stdout).toMatch(/^EVENT +NAME +DATA +AGE\n/);
      expect(watch.output.stdout).toMatch(/^ADDED +watched +0 +\w+$/m);
    } finally {
      const ended = new Promise<number | null>((resolve) => watch.child.once("exit", resolve));
      watch.child.kill("SIGINT");
      expect(await ended).toBe(130);
    }
    expect(watch.output.stderr).toBe("");
  });

  it("without a server says where it looked", async () => {
    const { code, stderr } = await skiffRun(["get", "pods", "--server", "https://127.0.0.1:1"]);
    expect([code, stderr]).toEqual([
      1,
      "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n",
    ]);
  });
});

const reason = whyNot({ kubectl: [version] });

describe.skipIf(reason !== "")(`skiff beside kubectl ${version}, on a node${reason === "" ? "" : ` (${reason})`}`, () => {
  let cluster: TestCluster;
  let folder: string;

  beforeAll(async () => {
    folder = await filesIn("skiff-twin-node-");
    cluster = await TestCluster.create("e2e-twin-node");
    await cluster.up("--nodes", "1", "--store", "memory");
    await loadHelloImage(cluster);
  });

  afterAll(async () => {
    await (cluster as TestCluster | undefined)?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it("pods and their logs: the same words and exit codes", async () => {
    const [expected, found] = await transcripts(cluster, folder, withPods, async (kubectl) => {
      await kubectl.do(["apply", "-n", "twin", "-f", "-"], pod);
      await kubectl.do(["wait", "-n", "twin", "--for=condition=Ready", "pod/two", "--timeout=120s"]);
    });
    expect(found).toEqual(expected);
  }, 180_000);
});
