import { existsSync } from "node:fs";
import { mkdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultyDisk, whyNoFaultyDisk } from "#apiserver/storage/embedded/faults/faulty-disk.testing";
import { packageRoot } from "#base/package-root";
import { whyNot as whyNotHere } from "./requirements.ts";
import { eventually, run, succeed, type Ran } from "./run.ts";
import { TestCluster, type Kubectl } from "./test-cluster.ts";

const version = "1.33";
const whyNot = whyNotHere({ tools: ["mount", "umount"], kubectl: [version] }) || whyNoFaultyDisk();

describe.skipIf(whyNot !== "")(`a control plane whose disk fails${whyNot && ` (${whyNot})`}`, () => {
  let cluster: TestCluster;
  let disk: FaultyDisk;
  let state: string;
  let kubectl: Kubectl;

  beforeAll(async () => {
    cluster = await TestCluster.create("failing-disk");
    disk = new FaultyDisk();
    state = join(cluster.folder, "state");
    await mkdir(state);
    await succeed(["mount", "-t", "tmpfs", "-o", "size=64m", "skiff-test", state]);
    kubectl = cluster.kubectl(version);
  });

  afterAll(async () => {
    await cluster.skiff(["delete"]);
    await run(["umount", "--lazy", state]);
    await rm(cluster.folder, { recursive: true });
    disk.remove();
  });

  /** On the disk that fails. */
  const up = async (env: Readonly<Record<string, string>> = {}): Promise<Ran> => {
    const flags = ["--nodes", "0", "--port", String(cluster.port), "--name", cluster.name, "--state-dir", state];
    return run([join(packageRoot, "skiff"), "up", ...flags], { env: { ...cluster.env, ...env } });
  };
  const create = (name: string, size: number): Promise<Ran> =>
    kubectl.try(["create", "-f", "-"], JSON.stringify(configMap(name, size)));
  const configMap = (name: string, size: number) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "default" },
    data: { filler: "x".repeat(size) },
  });
  const readiness = (): Promise<Ran> => kubectl.try(["get", "--raw", "/readyz"]);
  const pid = (): Promise<number> => cluster.pidOf("control-plane");

  it("refuses writes when it is full, says so, goes on reading, and writes again once there is room", async () => {
    const started = await up(disk.environment(join(state, cluster.name, "store")));
    expect(started.code, started.stderr).toBe(0);
    const before = await pid();
    const filler = join(state, "filler");
    await writeFile(filler, Buffer.alloc(128 * 1024 * 1024)).catch(() => undefined);
    let made = 0;
    const refused = await eventually("a write that is refused", async () => {
      const { code, stderr } = await create(`big-${made}`, 400_000);
      if (code !== 0) return stderr;
      made++;
      return undefined;
    });
    expect(refused).toContain("Internal error occurred: the store is full: there is no space left on its disk");
    expect((await readiness()).stderr).toMatch(/\[-\]store failed: there is no space left for the store: \d+ bytes are free/);
    const names = await kubectl.do(["get", "configmaps", "-o", "name"]);
    expect(names.match(/configmap\/big-/g) ?? []).toHaveLength(made);
    await rm(filler);
    await eventually("a write that is taken", async () => (await create("after", 400_000)).code === 0);
    await eventually("readiness", async () => (await readiness()).code === 0);
    expect(await pid()).toBe(before);
    expect(existsSync(`/proc/${before}`)).toBe(true);
  });

  it("ends with a reason when a flush fails, and has everything when it is started on a disk that works", async () => {
    expect((await create("kept", 10)).code).toBe(0);
    disk.fail("flush", constants.errno.EIO);
    const { code, stderr } = await create("unknown", 10);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/whether the write took effect is not known|connection|refused|cannot be reached/i);
    const ended = await pid();
    await eventually("the end of the control plane", async () => !existsSync(`/proc/${ended}`));
    const log = await succeed(["cat", join(state, cluster.name, "logs/control-plane.log")]);
    expect(log).toContain("could not be written (Input/output error) and must be opened again");
    disk.mend("flush");
    expect((await up()).code).toBe(0);
    expect(await kubectl.do(["get", "configmaps", "-o", "name"])).toContain("configmap/kept");
  });

  it("says what to do when its file has been cut off", async () => {
    await succeed([join(packageRoot, "skiff"), "down", "--name", cluster.name, "--state-dir", state]);
    const data = join(state, cluster.name, "store/data");
    await truncate(data, Math.floor((await stat(data)).size / 3));
    const { code, stderr } = await up();
    expect(code).toBe(1);
    expect(stderr).toMatch(/the store in .* is damaged: it ends after \d+ bytes.*skiff snapshot restore FILE/);
  });
});
