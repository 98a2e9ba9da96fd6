import { copyFile, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { kubectlBinary } from "./requirements.ts";
import { eventually, run, succeed, type Ran } from "./run.ts";
import type { TestCluster } from "./test-cluster.ts";

/**
 * A namespace, a kubeconfig and a folder of its own, so that what is typed there disturbs nothing else on the cluster. `$NS` and
 * `$NODE` name its namespace and node. @returns how to run a command line for bash there
 */
export async function stage(
  { folder, kubeconfig }: Pick<TestCluster, "folder" | "kubeconfig">,
  { name, version, node }: { readonly name: string; readonly version: string; readonly node: string },
): Promise<(command: string) => Promise<Ran>> {
  const namespace = `${name}-${version.replace(".", "-")}`;
  const place = join(folder, "stages", namespace);
  const programs = join(folder, "programs", version);
  await mkdir(place, { recursive: true });
  await mkdir(programs, { recursive: true });
  if (!(await readdir(programs)).includes("kubectl")) {
    await symlink(kubectlBinary(version) ?? "", join(programs, "kubectl")).catch(() => undefined);
  }
  const own = join(place, "kubeconfig");
  await copyFile(kubeconfig, own);
  const path = `${programs}:${process.env["PATH"] ?? ""}`;
  // Discovery is remembered below HOME, once for each version.
  const env = { PATH: path, KUBECONFIG: own, HOME: programs, NS: namespace, NODE: node };
  const kubectl = (...args: string[]): Promise<string> => succeed([join(programs, "kubectl"), ...args], { env });
  await kubectl("create", "namespace", namespace);
  await kubectl("config", "set-context", "--current", "--namespace", namespace);
  await eventually("the namespace's service account", () => kubectl("get", "serviceaccount", "default"));
  return (command) => run(["bash", "-c", command], { env, cwd: place, timeoutMs: 120_000 });
}
