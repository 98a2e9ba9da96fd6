import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { httpTransport } from "#client/http-transport";
import { readKubeconfig, writeKubeconfig } from "#client/kubeconfig";
import { createClient } from "#client/transport-client";
import { deployments } from "#api/resource-type";
import { type ControlPlane, startControlPlane } from "#cluster/control-plane";
import { memoryPki } from "#cluster/pki/pki";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registerHollowNode, runHollowNodes } from "./hollow-kubelet.ts";

/** The newest of several that may lie side by side, or the one on PATH. */
function findKubectl(): string | undefined {
  const onPath = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "kubectl"))
    .find((path) => existsSync(path));
  if (onPath === undefined) return undefined;
  const folder = dirname(realpathSync(onPath));
  return (
    ["1.36", "1.35", "1.34", "1.33", "1.32"]
      .map((version) => join(folder, `kubectl.${version}`))
      .find((path) => existsSync(path)) ?? onPath
  );
}

const kubectl = findKubectl();
const skip = kubectl === undefined && process.env["CI"] !== "true";

describe.skipIf(skip)("kubectl rollout against hollow nodes (skipped where there is no kubectl)", () => {
  let plane: ControlPlane;
  let folder: string;
  let kubelet: Promise<void>;
  const stop = new AbortController();

  beforeAll(async () => {
    const shared = { clock: systemClock, random: systemRandom, log: silentLogger };
    const pki = await memoryPki(systemClock, systemRandom);
    const listeners = [{ address: "127.0.0.1", port: 0 }];
    plane = await startControlPlane({ ...shared, storage: new MemoryStorage(shared), pki, listeners });
    const client = plane.clientFor("admin", ["system:masters"]);
    for (const name of ["n1", "n2"]) await registerHollowNode(client, name);
    kubelet = runHollowNodes(client, stop.signal);
    folder = mkdtempSync(join(tmpdir(), "rollout-"));
    const admin = await pki.pair("admin", { commonName: "admin", organizations: ["system:masters"], use: "client" });
    const entry = { name: "test", server: `https://127.0.0.1:${plane.port}`, ca: pki.ca, ...admin };
    writeKubeconfig(join(folder, "config"), entry, { setCurrent: true });
  });
  afterAll(async () => {
    stop.abort(new Error("test over"));
    await kubelet;
    await plane.close();
    rmSync(folder, { recursive: true });
  });

  async function run(...args: string[]): Promise<string> {
    const env = { ...process.env, KUBECONFIG: join(folder, "config"), HOME: folder };
    const { stdout } = await promisify(execFile)(kubectl ?? "kubectl", args, { env, timeout: 30_000 });
    return stdout;
  }

  test("status, history, undo, restart, pause, resume and scale", async () => {
    await run("create", "deployment", "web", "--image=example.com/web:1", "--replicas=3");
    expect(await run("rollout", "status", "deployment/web", "--timeout=20s")).toContain(
      'deployment "web" successfully rolled out',
    );
    await run("set", "image", "deployment/web", "*=example.com/web:2");
    expect(await run("rollout", "status", "deployment/web", "--timeout=20s")).toContain("successfully rolled out");
    expect(await run("rollout", "history", "deployment/web")).toMatch(/REVISION[^]*\n1 [^]*\n2 /);
    expect(await run("rollout", "history", "deployment/web", "--revision=1")).toContain("example.com/web:1");
    expect(await run("rollout", "undo", "deployment/web")).toContain("rolled back");
    await run("rollout", "status", "deployment/web", "--timeout=20s");
    const image = await run("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}");
    expect(image).toBe("example.com/web:1");
    expect(await run("rollout", "history", "deployment/web")).toMatch(/\n2 [^]*\n3 /);
    await run("rollout", "restart", "deployment/web");
    await run("rollout", "status", "deployment/web", "--timeout=20s");
    await run("rollout", "pause", "deployment/web");
    await run("rollout", "resume", "deployment/web");
    await run("scale", "deployment/web", "--replicas=5");
    await run("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=5", "--timeout=20s");
    expect(await run("get", "deployment", "web", "--no-headers")).toMatch(/^web +5\/5 +5 +5 /);
  });

  test("describe shows events and conditions", async () => {
    const described = await run("describe", "deployment", "web");
    expect(described).toMatch(/Progressing +True +NewReplicaSetAvailable/);
    expect(described).toMatch(/ScalingReplicaSet .*deployment-controller +Scaled up replica set web-[a-z0-9]+ from 0 to 3/);
  });

  test("the same file leads our own client there, over TLS", async () => {
    const transport = httpTransport(readKubeconfig(join(folder, "config")));
    const found = await createClient(transport).get(deployments, { namespace: "default", name: "web" });
    transport.close();
    expect(found.status?.readyReplicas).toBe(5);
  });
});
