import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "#base/free-ports.testing";
import { packageRoot } from "#base/package-root";
import { findProgram } from "#cluster/local-nodes/missing-tools";
import { loadHelloImage } from "./hello-image.ts";
import { kubectlBinary, whyNot } from "./requirements.ts";
import { run, type Ran } from "./run.ts";
import { TestCluster, type Kubectl } from "./test-cluster.ts";

const versions = ["1.27", "1.33"].filter((version) => kubectlBinary(version) !== undefined);

/** What upstream answers, through kubectl. */
describe.each(versions)("bad objects, as kubectl %s shows them", (version) => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  let manifest: string;

  beforeAll(async () => {
    cluster = await TestCluster.create(`e2e-bad-${version.replace(".", "-")}`);
    await cluster.up("--nodes", "0");
    kubectl = cluster.kubectl(version);
    manifest = await readFile(join(packageRoot, "test/e2e/nginx.yaml"), "utf8");
  });
  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  const about = 'error when creating "STDIN": Deployment in version "v1" cannot be handled as a Deployment: ';
  it.each([
    [
      "an unknown kind",
      "kind: Deployment",
      "kind: Deploymint",
      'resource mapping not found for name: "nginx-deployment" namespace: "" from "STDIN": no matches for kind "Deploymint" in version "apps/v1"',
    ],
    [
      "a wrong type",
      "replicas: 3",
      'replicas: "three"',
      `Error from server (BadRequest): ${about}json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`,
    ],
    [
      "an unknown field",
      "replicas: 3",
      "replicaz: 3",
      `Error from server (BadRequest): ${about}strict decoding error: unknown field "spec.replicaz"`,
    ],
    [
      "a missing field",
      "image: nginx:1.14.2",
      "workingDir: /",
      'The Deployment "nginx-deployment" is invalid: spec.template.spec.containers[0].image: Required value',
    ],
    [
      "a selector that does not match its template",
      "      app: nginx\n  template",
      "      app: other\n  template",
      'The Deployment "nginx-deployment" is invalid: spec.template.metadata.labels: Invalid value: {"app":"nginx"}: `selector` does not match template `labels`',
    ],
  ])("%s", async (_what, from, to, message) => {
    const { code, stderr } = await kubectl.try(["apply", "-f", "-"], manifest.replace(from, to));
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });

  it("an immutable field", async () => {
    await kubectl.do(["apply", "-f", "-"], manifest);
    const changed = manifest.replaceAll("app: nginx", "app: other");
    const { code, stderr } = await kubectl.try(["apply", "-f", "-"], changed);
    expect(stderr).toContain(
      'The Deployment "nginx-deployment" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable',
    );
    expect(code).toBe(1);
  });
});

/** One clear line that says what to do, exit code 1, and nothing half made. */
describe("bad calls of skiff", () => {
  const oneLine = ({ code, stderr }: Ran, message: RegExp): void => {
    const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("  "));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(message);
    expect(code).toBe(1);
  };
  const create = async (name: string): Promise<TestCluster> => {
    const cluster = await TestCluster.create(name);
    onTestFinished(() => cluster.remove());
    return cluster;
  };

  it("a second cluster of the same name", async () => {
    const cluster = await create("e2e-twice");
    await cluster.up("--nodes", "0");
    oneLine(
      await cluster.skiff(["up"], ["--nodes", "2"]),
      /^error: there is a cluster "e2e-twice" already, with 0 nodes, not 2: choose another --name, or "skiff delete --name e2e-twice" first$/,
    );
    oneLine(
      await cluster.skiff(["up"], ["--registry-mirror", "docker.io=http://127.0.0.1:1"]),
      /^error: there is a cluster "e2e-twice" already, with other registry mirrors: /,
    );
    const elsewhere = ["up", "--nodes", "0", "--name", "e2e-twice", "--state-dir", join(cluster.folder, "elsewhere")];
    oneLine(
      await run([join(packageRoot, "skiff"), ...elsewhere], { env: cluster.env }),
      /^error: another cluster called "e2e-twice" runs at https:\/\/127\.0\.0\.1:\d+ .*choose another --name, or --kubeconfig$/,
    );
    expect(existsSync(join(cluster.folder, "elsewhere/e2e-twice"))).toBe(false);
    const other = ["--name", "e2e-twice", "--state-dir", join(cluster.folder, "elsewhere")];
    const twin = (...args: string[]): Promise<Ran> => run([join(packageRoot, "skiff"), ...args, ...other], { env: cluster.env });
    expect(
      (
        await twin(
          "up",
          "--nodes",
          "0",
          "--port",
          String(await freePort()),
          "--kubeconfig",
          join(cluster.folder, "other-kubeconfig"),
        )
      ).code,
    ).toBe(0);
    expect((await twin("delete")).code).toBe(0);
    expect(await readFile(cluster.kubeconfig, "utf8")).toContain("current-context: skiff-e2e-twice");
  });

  it("a name that cannot be one, and numbers that are none", async () => {
    const cluster = await create("e2e-words");
    oneLine(
      await run([join(packageRoot, "skiff"), "up", "--name", "Not_A_Name"]),
      /^error: a cluster's name has lower case letters/,
    );
    const { code, stderr } = await cluster.skiff(["up"], ["--nodes", "many"]);
    expect(stderr).toContain("error: option '--nodes <count>' argument 'many' is invalid");
    expect(code).toBe(1);
  });

  const rootless = whyNot();
  describe.skipIf(rootless !== "")(`that need a machine to break${rootless && ` (skipped: ${rootless})`}`, () => {
    it("no root: refuses nodes, and starts a control plane alone", async () => {
      const cluster = await create("e2e-rootless");
      const withoutRoot = (...args: string[]): Promise<Ran> =>
        run(["unshare", "--user", process.execPath, join(packageRoot, "skiff"), ...args, "--name", cluster.name], {
          env: { ...cluster.env, XDG_STATE_HOME: join(cluster.folder, "state-home") },
        });
      oneLine(
        await withoutRoot("up"),
        /^error: nodes that run containers need root: run it with sudo; "skiff up --nodes 0" is a control plane alone and needs none$/,
      );
      expect(existsSync(join(cluster.folder, "state-home/skiff"))).toBe(false);
      const up = await withoutRoot("up", "--nodes", "0", "--port", String(cluster.port));
      expect(up.stderr + up.stdout).toContain("a control plane alone");
      expect((await withoutRoot("delete")).code).toBe(0);
    });

    it("no crun: names the package, and leaves no state", async () => {
      const cluster = await create("e2e-no-crun");
      const bin = join(cluster.folder, "bin");
      await mkdir(bin, { recursive: true });
      for (const tool of ["conmon", "nsenter", "unshare", "findmnt", "mount", "ip", "nft"]) {
        await symlink(findProgram(tool, process.env["PATH"] ?? "") ?? "", join(bin, tool));
      }
      const argv = [
        process.execPath,
        join(packageRoot, "skiff"),
        "up",
        "--name",
        cluster.name,
        "--state-dir",
        join(cluster.folder, "state"),
      ];
      oneLine(
        await run(argv, { env: { ...cluster.env, PATH: bin } }),
        /^error: not installed: crun \(running containers\)\. On Debian and Ubuntu: apt-get install crun$/,
      );
      expect(existsSync(join(cluster.folder, "state", cluster.name))).toBe(false);
    });

    it("a damaged archive: says which, and keeps the images there are", async () => {
      const cluster = await create("e2e-archive");
      await cluster.up("--nodes", "1");
      await loadHelloImage(cluster);
      const images = await cluster.skiff(["image", "ls"]);
      const archive = join(cluster.folder, "damaged.tar");
      await writeFile(archive, execFileSync("tar", ["-C", packageRoot, "-cf", "-", "manifests"]).subarray(0, 900));
      oneLine(await cluster.skiff(["image", "load", archive]), /^error: .*damaged\.tar/);
      oneLine(await cluster.skiff(["image", "load", "/nowhere.tar"]), /^error: there is no file \/nowhere\.tar$/);
      expect((await cluster.skiff(["image", "ls"])).stdout).toBe(images.stdout);
    });

    it("a full disk: says so, and leaves nothing half made", async () => {
      const folder = await mkdtemp(join(tmpdir(), "skiff-full-"));
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=48k", "tmpfs", folder]);
      onTestFinished(async () => {
        execFileSync("umount", [folder]);
        await rm(folder, { recursive: true, force: true });
      });
      const home = await mkdtemp(join(tmpdir(), "skiff-home-"));
      onTestFinished(() => rm(home, { recursive: true, force: true }));
      const argv = [join(packageRoot, "skiff"), "up", "--nodes", "0", "--name", "e2e-full", "--state-dir", folder];
      oneLine(await run(argv, { env: { HOME: home, KUBECONFIG: join(home, "kubeconfig") } }), /^error: .*no space left/i);
      expect(await readdir(folder)).toEqual([]);
    });
  });
});
