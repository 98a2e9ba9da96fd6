import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "#base/package-root";
import { kubectlBinary, whyNot } from "./requirements.ts";
import { run, succeed } from "./run.ts";

const reason = whyNot();

/** What a newcomer does first. */
describe.skipIf(reason !== "")(`npm start on a clean clone${reason && ` (skipped: ${reason})`}`, () => {
  let folder: string;
  let clone: string;
  const flags = (): string[] => [
    "--name",
    "e2e-start",
    "--state-dir",
    join(folder, "state"),
    "--kubeconfig",
    join(folder, "kubeconfig"),
  ];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-start-"));
    clone = join(folder, "clone");
    await succeed(["git", "clone", "--quiet", "--depth", "1", `file://${packageRoot}`, clone]);
  });

  afterAll(async () => {
    await run([join(clone, "skiff"), "delete", ...flags()]);
    await rm(folder, { recursive: true, force: true });
  });

  it("sets everything up, starts three nodes, and shows the example's pods and what to try next", async () => {
    const output = await succeed(["npm", "start", "--", ...flags()], { cwd: clone, timeoutMs: 300_000 });
    expect(output).toContain("Cluster e2e-start is up");
    const rows = output.split("\n").filter((line) => line.startsWith("hello-"));
    expect(rows).toHaveLength(3);
    expect(new Set(rows.map((row) => row.split(/\s+/)[1]))).toEqual(new Set(["node-1", "node-2", "node-3"]));
    const address = rows[0]?.split(/\s+/)[2] ?? "";
    expect(output).toContain(`Try next:\n  curl http://${address}:8080\n  kubectl `);
    expect(await succeed(["curl", "-sf", "-m", "5", `http://${address}:8080`])).toContain("Hello from hello-");
  }, 320_000);

  const kubectl = kubectlBinary("1.33") ?? "";
  it.skipIf(kubectl === "")("leaves objects that the user's kubectl apply can go on with (needs kubectl 1.33)", async () => {
    const argv = [kubectl, "apply", "-f", join(clone, "manifests/examples/hello.yaml")];
    expect(await run(argv, { env: { KUBECONFIG: join(folder, "kubeconfig") } })).toMatchObject({
      code: 0,
      stdout: "deployment.apps/hello unchanged\n",
      stderr: "",
    });
  });

  it("finds the cluster the second time, and says so", async () => {
    const output = await succeed(["npm", "start", "--", ...flags()], { cwd: clone });
    expect(output).toContain("Cluster e2e-start is running already");
    expect(output).toContain("applied already");
  });
});
