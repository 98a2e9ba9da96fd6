import { readdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { CommandFailure } from "../failure.ts";
import { writeWhole } from "../pki/pki.ts";

/** What a cluster keeps for life once it is chosen. */
export interface ClusterConfig {
  readonly name: string;
  readonly nodes: number;
  readonly port: number;
  readonly store: "embedded" | "memory";
  /** Registry host → where to look first, e.g. `docker.io` → `["http://127.0.0.1:5000"]`. */
  readonly registryMirrors: Readonly<Record<string, readonly string[]>>;
  /** Absent without nodes. */
  readonly network?: ClusterNetwork;
}

/** Ranges nobody else on this machine uses. */
export interface ClusterNetwork {
  readonly bridge: string;
  /** Of the nodes, e.g. `172.30.0.0/24`. */
  readonly nodeRange: string;
  /** Of all pods, a /24 for each node, e.g. `10.244.0.0/16`. */
  readonly podRange: string;
}

/** Where everything of one cluster is. */
export interface ClusterPaths {
  readonly root: string;
  readonly config: string;
  readonly pki: string;
  readonly store: string;
  readonly images: string;
  readonly logs: string;
  /** Pids with start times, sockets: nothing that outlives a reboot. */
  readonly run: string;
  readonly nodes: string;
  readonly imageSocket: string;
}

const namePattern = /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/;

/** As root in /var/lib/skiff, else in the user's XDG state folder. @throws CommandFailure for a name that cannot be one. */
export function clusterPaths(name: string, stateDirectory: string | undefined): ClusterPaths {
  if (!namePattern.test(name)) {
    throw new CommandFailure(`a cluster's name has lower case letters, digits and hyphens, 32 at most: "${name}" does not fit`);
  }
  const root = join(stateDirectory ?? defaultStateDirectory(), name);
  const at = (part: string): string => join(root, part);
  return {
    root,
    config: at("cluster.json"),
    pki: at("pki"),
    store: at("store"),
    images: at("images"),
    logs: at("logs"),
    run: at("run"),
    nodes: at("nodes"),
    imageSocket: at("run/images.sock"),
  };
}

export function defaultStateDirectory(): string {
  if (process.getuid?.() === 0) return "/var/lib/skiff";
  return join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local/state"), "skiff");
}

export async function readConfig(paths: ClusterPaths): Promise<ClusterConfig | undefined> {
  try {
    return JSON.parse(await readFile(paths.config, "utf8")) as ClusterConfig;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CommandFailure(`${paths.config} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

export async function writeConfig(paths: ClusterPaths, config: ClusterConfig): Promise<void> {
  await writeWhole(paths.config, `${JSON.stringify(config, null, 2)}\n`);
}

/** The clusters with a state in that folder. */
export async function clusterNames(stateDirectory: string | undefined): Promise<string[]> {
  const folder = stateDirectory ?? defaultStateDirectory();
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && namePattern.test(entry.name)).map(({ name }) => name);
}

export async function removeState(paths: ClusterPaths): Promise<void> {
  await rm(paths.root, { recursive: true, force: true });
}
