import { createHash } from "node:crypto";

/** All of a cluster's nodes and processes are below it; it is below each controller's root and the same after a restart. */
export function clusterCgroup(stateDirectory: string): string {
  return `/skiff-${createHash("sha256").update(stateDirectory).digest("hex").slice(0, 12)}`;
}

/** The cluster's own processes, with the monitors of its containers. No node can be called so: it would not be a DNS label. */
export function processesCgroup(stateDirectory: string): string {
  return `${clusterCgroup(stateDirectory)}/_processes`;
}
