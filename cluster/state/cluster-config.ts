import { readdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { CommandFailure } from "../failure.ts";
import type { EtcdConfig } from "../store/etcd-config.ts";
import { writeDurably } from "./write-whole.ts";

/** What a cluster keeps for life once it is chosen. */
export interface ClusterConfig {
  readonly name: string;
  readonly nodes: number;
  readonly port: number;
  readonly store: "embedded" | "memory" | "etcd";
  /** Only with that store. */
  readonly etcd?: EtcdConfig;
  /** The file with the EncryptionConfiguration by which the store is written and read. May change from one start to the next. */
  readonly encryptionProviderConfig?: string;
  /** Registry host → where to look first, e.g. `docker.io` → `["http://127.0.0.1:5000"]`. */
  readonly registryMirrors: Readonly<Record<string, readonly string[]>>;
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

export const defaultClusterName = "skiff";

/** `stateDirectory` holds a folder for each cluster. @throws CommandFailure for a name that cannot be one. */
export function clusterPaths(name: string, stateDirectory: string): ClusterPaths {
  if (!namePattern.test(name)) {
    throw new CommandFailure(`a cluster's name has lower case letters, digits and hyphens, 32 at most: "${name}" does not fit`);
  }
  const root = join(stateDirectory, name);
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

/** As root /var/lib/skiff, else in the user's XDG state folder. */
export function defaultStateDirectory(env: Readonly<Record<string, string | undefined>>): string {
  if (process.getuid?.() === 0) return "/var/lib/skiff";
  const { XDG_STATE_HOME: state } = env;
  return join(state === undefined || state === "" ? join(homedir(), ".local/state") : state, "skiff");
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
  await writeDurably(paths.config, `${JSON.stringify(config, null, 2)}\n`);
}

/** The clusters with a state in that folder. */
export async function clusterNames(stateDirectory: string): Promise<string[]> {
  const entries = await readdir(stateDirectory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && namePattern.test(entry.name)).map(({ name }) => name);
}

export async function removeState(paths: ClusterPaths): Promise<void> {
  await rm(paths.root, { recursive: true, force: true });
}

/** What kubeconfig calls the cluster, its user and its context. */
export function contextName(name: string): string {
  return name === defaultClusterName ? defaultClusterName : `${defaultClusterName}-${name}`;
}
