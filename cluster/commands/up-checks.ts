import { isDeepStrictEqual } from "node:util";
import { readKubeconfig } from "#client/kubeconfig";
import { CommandFailure } from "../failure.ts";
import { missingTools } from "../local-nodes/missing-tools.ts";
import { checkExternalEtcd, type ExternalEtcd } from "../store/etcd-config.ts";
import { isFree } from "../state/choose-port.ts";
import { contextName, type ClusterConfig } from "../state/cluster-config.ts";

/** Absent ones are taken from the stored cluster, else from the defaults. */
export interface UpOptions {
  readonly nodes?: number;
  readonly port?: number;
  readonly store?: ClusterConfig["store"];
  /** Of one that somebody else runs. */
  readonly etcd?: ExternalEtcd;
  readonly encryptionProviderConfig?: string;
  readonly registryMirrors?: ClusterConfig["registryMirrors"];
  readonly kubeconfig: KubeconfigTarget;
  /** To look for programs in. */
  readonly path: string;
  readonly progress: (text: string) => void;
}

export interface KubeconfigTarget {
  readonly file: string;
  /** Under sudo: the person who called it. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

const largestCluster = 100;

/** @throws CommandFailure for numbers that are none. */
export function checkOptions({ nodes, port, etcd }: UpOptions): void {
  if (nodes !== undefined && (!Number.isInteger(nodes) || nodes < 0 || nodes > largestCluster)) {
    throw new CommandFailure(`--nodes is a number from 0 to ${largestCluster}`);
  }
  if (port !== undefined && (!Number.isInteger(port) || port < 1 || port > 65535))
    throw new CommandFailure("--port is a number from 1 to 65535");
  if (etcd !== undefined) checkExternalEtcd(etcd);
}

/** An etcd is named for a cluster that uses one. @throws CommandFailure */
export function checkStore(store: ClusterConfig["store"], { etcd }: UpOptions): void {
  if (etcd !== undefined && store !== "etcd") throw new CommandFailure("--etcd-servers goes with --store etcd");
}

/** A stored cluster keeps its shape. */
export function checkUnchanged(stored: ClusterConfig, options: UpOptions): ClusterConfig {
  const { nodes, port, store, etcd, registryMirrors: mirrors } = options;
  const differences = [
    nodes !== undefined && nodes !== stored.nodes && `${stored.nodes} nodes, not ${nodes}`,
    port !== undefined && port !== stored.port && `port ${stored.port}, not ${port}`,
    store !== undefined && store !== stored.store && `the ${stored.store} store, not ${store}`,
    etcd !== undefined && !isDeepStrictEqual(etcd, stored.etcd) && whereEtcdIs(stored),
    mirrors !== undefined && !isDeepStrictEqual(mirrors, stored.registryMirrors) && "other registry mirrors",
  ].filter((difference) => difference !== false);
  if (differences.length === 0) return stored;
  const remedy = `choose another --name, or "skiff delete --name ${stored.name}" first`;
  throw new CommandFailure(`there is a cluster "${stored.name}" already, with ${differences.join(" and ")}: ${remedy}`);
}

function whereEtcdIs({ store, etcd }: ClusterConfig): string {
  if (etcd === undefined) return `the ${store} store, not etcd`;
  return "ownPort" in etcd ? "an etcd of its own" : `the etcd at ${etcd.servers.join(",")} and other ways into it`;
}

/** Two clusters of one name in different folders would fight for one context. */
export async function refuseTakenContext({ name }: ClusterConfig, ca: string, { file }: KubeconfigTarget): Promise<void> {
  const context = contextName(name);
  const other = contextIn(file, context);
  if (other === undefined || other.ca === ca) return;
  const port = Number(new URL(other.server).port || 443);
  if (await isFree(port)) return;
  throw new CommandFailure(
    `another cluster called "${name}" runs at ${other.server} (context ${context} of ${file}): choose another --name, or --kubeconfig`,
  );
}

/** Another cluster of that name, in another folder, may have taken its place. */
export function holdsContextOf({ name }: ClusterConfig, ca: string, { file }: KubeconfigTarget): boolean {
  return contextIn(file, contextName(name))?.ca === ca;
}

function contextIn(file: string, context: string): { readonly server: string; readonly ca?: string } | undefined {
  try {
    return readKubeconfig(file, context);
  } catch {
    return undefined;
  }
}

export function requireRoot(what: string): void {
  if (process.getuid?.() === 0) return;
  throw new CommandFailure(`${what} need root: run it with sudo; "skiff up --nodes 0" is a control plane alone and needs none`);
}

export function requireTools(path: string): void {
  const missing = missingTools({ path });
  if (missing.length === 0) return;
  const tools = missing.map(({ tool, neededFor }) => `${tool} (${neededFor})`).join(", ");
  const packages = [...new Set(missing.map((tool) => tool.package))].join(" ");
  throw new CommandFailure(`not installed: ${tools}. On Debian and Ubuntu: apt-get install ${packages}`);
}
