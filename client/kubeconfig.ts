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
import { CORE_SCHEMA, dump } from "js-yaml";
import { readYaml } from "#api/yaml/read-yaml";
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
  refuseExec(path, context.user ?? "", user);
  return { ...serverOptions(path, cluster), ...userOptions(path, user) };
}

/** Where a request goes when nobody says. */
export interface KubeconfigContext {
  readonly transport: HttpTransportOptions;
  readonly namespace: string | undefined;
}

/**
 * What kubectl makes of $KUBECONFIG's list: the first file that names a thing wins, files that are not there count as empty, and
 * relative paths start at the file that holds them. Without any cluster it is http://localhost:8080.
 * @throws Error worded as kubectl words it.
 */
export function readKubeconfigs(paths: readonly string[], contextName?: string): KubeconfigContext {
  const configs = paths.filter((path) => existsSync(path)).map((path) => ({ path, config: readConfig(path) }));
  const locate = (kind: "contexts" | "clusters" | "users", name: string | undefined): [string, Named] | undefined => {
    for (const { path, config } of configs) {
      const found = config[kind]?.find((entry) => entry.name === name);
      if (found !== undefined) return [path, found];
    }
    return undefined;
  };
  const current = configs.map(({ config }) => config["current-context"]).find((name) => name !== undefined && name !== "");
  const name = contextName ?? current;
  const [, named] = locate("contexts", name) ?? [];
  if (named === undefined && name !== undefined) {
    throw new Error(`Error in configuration: context was not found for specified context: ${name}`);
  }
  const { cluster: clusterName, user: userName, namespace } = named?.context ?? {};
  const [clusterPath = "", cluster] = locate("clusters", clusterName) ?? [];
  const [userPath = "", user] = locate("users", userName) ?? [];
  if (named !== undefined && clusterName !== undefined && cluster === undefined) {
    throw new Error(`Error in configuration: cluster "${clusterName}" was not found for context "${name ?? ""}"`);
  }
  refuseExec(userPath, userName ?? "", user?.user ?? {});
  const transport = { ...serverOptions(clusterPath, cluster?.cluster ?? {}), ...userOptions(userPath, user?.user ?? {}) };
  return { transport, namespace: namespace === "" ? undefined : namespace };
}

function refuseExec(path: string, name: string, user: Readonly<Record<string, unknown>>): void {
  if (user["exec"] !== undefined || user["auth-provider"] !== undefined) {
    throw new Error(`${path}: user "${name}" gets its credentials from another program, which is not supported`);
  }
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
  const config = readYaml(readFileSync(path, "utf8")) ?? {};
  if (typeof config !== "object" || Array.isArray(config)) throw new Error(`${path} is not a kubeconfig`);
  return config;
}

function find(path: string, kind: string, list: readonly Named[] | null | undefined, name: string): Named {
  const found = list?.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`${path} has no ${kind} "${name}"`);
  return found;
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

function fileBeside(path: string, name: unknown): string | undefined {
  const given = text(name);
  return given === undefined ? undefined : readFileSync(isAbsolute(given) ? given : join(dirname(path), given), "utf8");
}

function decoded(data: unknown): string | undefined {
  const given = text(data);
  return given === undefined ? undefined : Buffer.from(given, "base64").toString();
}

function serverOptions(path: string, cluster: Readonly<Record<string, unknown>>): HttpTransportOptions {
  return {
    server: text(cluster["server"]) ?? "http://localhost:8080",
    ...present({
      ca: decoded(cluster["certificate-authority-data"]) ?? fileBeside(path, cluster["certificate-authority"]),
      tlsServerName: text(cluster["tls-server-name"]),
      insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"] === true ? true : undefined,
    }),
  };
}

function userOptions(path: string, user: Readonly<Record<string, unknown>>): Partial<HttpTransportOptions> {
  const tokenFile = text(user["tokenFile"]);
  return present({
    cert: decoded(user["client-certificate-data"]) ?? fileBeside(path, user["client-certificate"]),
    key: decoded(user["client-key-data"]) ?? fileBeside(path, user["client-key"]),
    token: tokenFile === undefined ? text(user["token"]) : () => fileBeside(path, tokenFile)?.trim() ?? "",
  });
}

type Present<T> = { readonly [Name in keyof T]?: Exclude<T[Name], undefined> };

function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>;
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
