import { readdir } from "node:fs/promises";
import type { AgentDirectories, AgentParts } from "./agent-parts.ts";
import { classCgroup } from "./resources.ts";

/** Whose it is. Namespace and name are empty where nothing tells them any more. */
export interface Remains {
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
}

const classes = ["Guaranteed", "Burstable", "BestEffort"];

/** Every pod that has a folder, a folder of logs or a cgroup on this node, whether or not it is to be here. */
export async function findRemnants({
  directories,
  cgroups,
  cgroupRoot,
}: Pick<AgentParts, "cgroups" | "cgroupRoot"> & { readonly directories: Pick<AgentDirectories, "pods" | "logs"> }): Promise<
  readonly Remains[]
> {
  const [folders, logs, ...groups] = await Promise.all([
    readdir(directories.pods),
    readdir(directories.logs),
    ...classes.map((qosClass) => cgroups.children(classCgroup(cgroupRoot, qosClass))),
  ]);
  const named = logs.flatMap(remainsOfLogs);
  const known = new Set(named.map(({ podUid }) => podUid));
  const uids = [...folders, ...groups.flat().flatMap((name) => (name.startsWith("pod") ? [name.slice("pod".length)] : []))];
  const nameless = [...new Set(uids)].filter((podUid) => !known.has(podUid));
  return [...named, ...nameless.map((podUid) => ({ podUid, podNamespace: "", podName: "" }))];
}

/** `NAMESPACE_NAME_UID`: none of the three has an underscore. */
function remainsOfLogs(folder: string): Remains[] {
  const [podNamespace = "", podName = "", podUid] = folder.split("_");
  return podUid === undefined ? [] : [{ podUid, podNamespace, podName }];
}
