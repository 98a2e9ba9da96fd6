import { readlink } from "node:fs/promises";
import type { Clock } from "#base/clock";
import { identifyProcess, isAlive, listProcessIds, signalProcess } from "#node-agent/runtime/process-table";
import { runCommand } from "#node-agent/runtime/run-command";
import type { NodeNamespaces } from "./namespaces.ts";
import { isBound } from "./namespaces.ts";

/**
 * Kills everything that runs in a node: what is in its own network or mount namespace, and what is in the namespaces of its pods,
 * which are mounted in it. Resolves when all of it is gone.
 */
export async function killNodeProcesses(namespaces: NodeNamespaces, clock: Clock): Promise<void> {
  const targets = await nodeNamespaceNames(namespaces);
  if (targets.size === 0) return;
  for (let attempt = 1; ; attempt++) {
    const inside = await processesIn(targets);
    if (inside.length === 0) return;
    if (attempt === 100) throw new Error(`processes ${inside.map(({ pid }) => pid).join(", ")} do not die`);
    await Promise.all(inside.map((process) => signalProcess(process, "SIGKILL")));
    await clock.sleep(Math.min(5 * attempt, 100));
  }
}

/** As /proc/PID/ns/* shows them, e.g. `net:[4026532170]`. Never one of this process itself. */
async function nodeNamespaceNames(namespaces: NodeNamespaces): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  if (await isBound(namespaces.network)) names.add(await nameOf(`--net=${namespaces.network}`, "net"));
  if (await isBound(namespaces.mount)) {
    names.add(await nameOf(`--mount=${namespaces.mount}`, "mnt"));
    for (const pod of await boundInside(namespaces.mount)) names.add(pod);
  }
  for (const kind of kinds) names.delete(await readlink(`/proc/self/ns/${kind}`));
  names.delete("");
  return names;
}

async function nameOf(option: string, kind: string): Promise<string> {
  return (await runCommand(["nsenter", option, "readlink", `/proc/self/ns/${kind}`])).stdout.trim();
}

/** The fourth field of a mounted namespace is its name. */
async function boundInside(mountNamespace: string): Promise<readonly string[]> {
  const { stdout } = await runCommand(["nsenter", `--mount=${mountNamespace}`, "cat", "/proc/self/mountinfo"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes(" - nsfs "))
    .map((line) => line.split(" ")[3] ?? "");
}

const kinds = ["net", "mnt", "uts", "ipc"] as const;

async function processesIn(names: ReadonlySet<string>) {
  const found = (await listProcessIds()).map(async (pid) => {
    const own = await Promise.all(kinds.map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => "")));
    if (!own.some((name) => names.has(name))) return [];
    const identity = await identifyProcess(pid);
    return identity !== undefined && (await isAlive(identity)) ? [identity] : [];
  });
  return (await Promise.all(found)).flat();
}
