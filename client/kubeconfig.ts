import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { CORE_SCHEMA, dump, load } from "js-yaml";
import type { HttpTransportOptions } from "./http-transport.ts";

/** A cluster as `kubectl` knows it: the cluster, user and context of one name. Certificates and keys are PEM. */
export interface ClusterEntry {
  readonly name: string;
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly namespace?: string;
}

export interface WriteKubeconfigOptions {
  readonly setCurrent: boolean;
  /** Who shall own the file, e.g. the person behind sudo. Absent: whoever owns it already. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** @throws Error that names the file and what is missing in it. */
export function readKubeconfig(path: string, contextName?: string): HttpTransportOptions {
  const config = readConfig(path);
  const name = contextName ?? config["current-context"] ?? "";
  if (name === "") throw new Error(`${path} has no current-context`);
  const context = find(path, "context", config.contexts, name).context ?? {};
  const cluster = find(path, "cluster", config.clusters, context.cluster ?? "").cluster ?? {};
  const user = find(path, "user", config.users, context.user ?? "").user ?? {};
  if (user.exec !== undefined || user["auth-provider"] !== undefined) {
    throw new Error(`${path}: user "${context.user ?? ""}" gets its credentials from another program, which is not supported`);
  }
  return transportOptions(path, cluster, user);
}

/** Adds or replaces one cluster and keeps everything else. The file is never seen half-written, and only its owner may read it. */
export function writeKubeconfig(path: string, entry: ClusterEntry, { setCurrent, owner }: WriteKubeconfigOptions): void {
  rewrite(path, owner, (config) => ({
    apiVersion: "v1",
    kind: "Config",
    preferences: {},
    ...config,
    clusters: replaced(config.clusters, entry.name, { cluster: clusterOf(entry) }),
    users: replaced(config.users, entry.name, { user: userOf(entry) }),
    contexts: replaced(config.contexts, entry.name, { context: contextOf(entry) }),
    "current-context": setCurrent ? entry.name : (config["current-context"] ?? ""),
  }));
}

/** A whole kubeconfig with this cluster alone, to be written as YAML or JSON. */
export function kubeconfigDocument(entry: ClusterEntry): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: entry.name, cluster: clusterOf(entry) }],
    users: [{ name: entry.name, user: userOf(entry) }],
    contexts: [{ name: entry.name, context: contextOf(entry) }],
    "current-context": entry.name,
  };
}

/** Takes out what `writeKubeconfig` put in. Without a file there is nothing to do. */
export function removeFromKubeconfig(path: string, name: string): void {
  if (!existsSync(path)) return;
  rewrite(path, undefined, (config) => ({
    ...config,
    clusters: without(config.clusters, name),
    users: without(config.users, name),
    contexts: without(config.contexts, name),
    "current-context": config["current-context"] === name ? "" : (config["current-context"] ?? ""),
  }));
}

interface Named {
  readonly name: string;
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly context?: { readonly cluster?: string; readonly user?: string; readonly namespace?: string };
}

interface Config {
  readonly clusters?: readonly Named[] | null;
  readonly users?: readonly Named[] | null;
  readonly contexts?: readonly Named[] | null;
  readonly "current-context"?: string;
}

function readConfig(path: string): Config {
  const config = load(readFileSync(path, "utf8"), { schema: CORE_SCHEMA }) ?? {};
  if (typeof config !== "object" || Array.isArray(config)) throw new Error(`${path} is not a kubeconfig`);
  return config;
}

function find(path: string, kind: string, list: readonly Named[] | null | undefined, name: string): Named {
  const found = list?.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`${path} has no ${kind} "${name}"`);
  return found;
}

function transportOptions(
  path: string,
  cluster: Readonly<Record<string, unknown>>,
  user: Readonly<Record<string, unknown>>,
): HttpTransportOptions {
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const file = (name: unknown) => {
    const given = text(name);
    return given === undefined ? undefined : readFileSync(isAbsolute(given) ? given : join(dirname(path), given), "utf8");
  };
  const decoded = (data: unknown) => (text(data) === undefined ? undefined : Buffer.from(text(data) ?? "", "base64").toString());
  const tokenFile = text(user["tokenFile"]);
  const found = {
    ca: decoded(cluster["certificate-authority-data"]) ?? file(cluster["certificate-authority"]),
    tlsServerName: text(cluster["tls-server-name"]),
    cert: decoded(user["client-certificate-data"]) ?? file(user["client-certificate"]),
    key: decoded(user["client-key-data"]) ?? file(user["client-key"]),
    token: tokenFile === undefined ? text(user["token"]) : () => file(tokenFile)?.trim() ?? "",
    insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"] === true ? true : undefined,
  };
  const present = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
  return { server: text(cluster["server"]) ?? "http://localhost:8080", ...(present as Partial<HttpTransportOptions>) };
}

function clusterOf({ server, ca }: ClusterEntry): Readonly<Record<string, unknown>> {
  return { "certificate-authority-data": Buffer.from(ca).toString("base64"), server };
}

function userOf({ cert, key }: ClusterEntry): Readonly<Record<string, unknown>> {
  return {
    "client-certificate-data": Buffer.from(cert).toString("base64"),
    "client-key-data": Buffer.from(key).toString("base64"),
  };
}

function contextOf({ name, namespace }: ClusterEntry): { cluster: string; user: string; namespace?: string } {
  return { cluster: name, user: name, ...(namespace !== undefined && { namespace }) };
}

function replaced(list: readonly Named[] | null | undefined, name: string, value: Omit<Named, "name">): Named[] {
  return [...without(list, name), { name, ...value }];
}

function without(list: readonly Named[] | null | undefined, name: string): Named[] {
  return (list ?? []).filter((entry) => entry.name !== name);
}

/** Holds the lock file that kubectl holds while it writes, so that neither undoes the other. */
function rewrite(given: string, owner: WriteKubeconfigOptions["owner"], change: (config: Config) => Config): void {
  const path = existsSync(given) ? realpathSync(given) : given;
  makeFolder(dirname(path), owner);
  const lock = `${path}.lock`;
  takeLock(lock);
  try {
    const existing = existsSync(path);
    const keeper = owner ?? (existing ? statSync(path) : undefined);
    const text = dump(change(existing ? readConfig(path) : {}), { schema: CORE_SCHEMA, noRefs: true, lineWidth: -1 });
    replaceFile(path, text, keeper);
  } finally {
    rmSync(lock, { force: true });
  }
}

function replaceFile(path: string, text: string, keeper: { readonly uid: number; readonly gid: number } | undefined): void {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, text, { mode: 0o600 });
    chmodSync(draft, 0o600);
    const made = statSync(draft);
    // Only root may give a file away, and nobody else has to.
    if (keeper !== undefined && (keeper.uid !== made.uid || keeper.gid !== made.gid)) chownSync(draft, keeper.uid, keeper.gid);
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

function makeFolder(folder: string, owner: WriteKubeconfigOptions["owner"]): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (first !== undefined && owner !== undefined) chownSync(folder, owner.uid, owner.gid);
}

function takeLock(lock: string): void {
  try {
    closeSync(openSync(lock, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new Error(`${lock} exists: another program is changing the kubeconfig. Remove it if none is.`, { cause: error });
  }
}
