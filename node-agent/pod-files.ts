import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type StoredPod, specOf } from "./pod-spec.ts";

export interface DnsSettings {
  /** Of the cluster's DNS service; absent: there is none. */
  readonly clusterDns?: string;
  readonly clusterDomain: string;
  /** The machine's own resolv.conf. */
  readonly hostResolvConf: string;
}

/** The first label of the pod's host name (upstream: GeneratePodHostNameAndDomain). */
export function hostnameOf(pod: StoredPod): string {
  const { hostname } = specOf(pod);
  const name = hostname === undefined || hostname === "" ? pod.metadata.name : hostname;
  return name.slice(0, 63).replace(/[-.]+$/, "");
}

/** Upstream: MaxPodHostname… of what the kernel takes (__NEW_UTS_LEN). */
const longestKernelHostname = 64;

/** What the kernel and `hostname` say in the pod. @throws Error when that would be longer than the kernel takes */
export function kernelHostname(pod: StoredPod, clusterDomain: string): string {
  const { hostnameOverride, setHostnameAsFQDN } = specOf(pod);
  if (hostnameOverride !== undefined && hostnameOverride !== "") return hostnameOverride;
  const full = fullHostname(pod, clusterDomain);
  if (setHostnameAsFQDN !== true || full === undefined) return hostnameOf(pod);
  if (full.length <= longestKernelHostname) return full;
  throw new Error(
    `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${longestKernelHostname} characters is the max, ${full.length} characters requested)`,
  );
}

/** Only who has a subdomain has a name in the cluster's DNS. */
function fullHostname(pod: StoredPod, clusterDomain: string): string | undefined {
  const { subdomain } = specOf(pod);
  if (subdomain === undefined || subdomain === "") return undefined;
  return `${hostnameOf(pod)}.${subdomain}.${pod.metadata.namespace ?? ""}.svc.${clusterDomain}`;
}

/** `/etc/hosts` as the kubelet writes it. `ip` is empty for pods that share the node's network: theirs is the node's. */
export function hostsFile(pod: StoredPod, ip: string, nodeHosts: string, clusterDomain: string): string {
  const { hostNetwork, hostAliases = [] } = specOf(pod);
  const aliases = hostAliases.map(({ ip: address, hostnames = [] }) => `${address}\t${hostnames.join("\t")}`);
  const added = aliases.length === 0 ? [] : ["", "# Entries added by HostAliases.", ...aliases];
  if (hostNetwork === true)
    return `# Kubernetes-managed hosts file (host network).\n${nodeHosts}${added.map((line) => `${line}\n`).join("")}`;
  const name = hostnameOf(pod);
  const full = fullHostname(pod, clusterDomain);
  const lines = [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
    `${ip}\t${full === undefined ? "" : `${full}\t`}${name}`,
    ...added,
  ];
  return `${lines.join("\n")}\n`;
}

/** Whether the pod asks for the cluster's DNS although there is none. */
export function missesClusterDns(pod: StoredPod, { clusterDns }: DnsSettings): boolean {
  return clusterDns === undefined && wantsClusterDns(pod);
}

function wantsClusterDns(pod: StoredPod): boolean {
  const { dnsPolicy = "ClusterFirst", hostNetwork } = specOf(pod);
  return dnsPolicy === "ClusterFirstWithHostNet" || (dnsPolicy === "ClusterFirst" && hostNetwork !== true);
}

export function resolvConf(pod: StoredPod, settings: DnsSettings): string {
  const base = baseConfig(pod, settings);
  const { nameservers = [], searches = [], options = [] } = specOf(pod).dnsConfig ?? {};
  const merged = new Map(base.options.map((option) => [option.split(":")[0] ?? "", option]));
  for (const { name = "", value } of options) merged.set(name, value === undefined ? name : `${name}:${value}`);
  const lines = [
    ...unique([...base.nameservers, ...nameservers]).map((server) => `nameserver ${server}`),
    ...lineOf("search", unique([...base.searches, ...searches])),
    ...lineOf("options", [...merged.values()]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

function baseConfig(pod: StoredPod, settings: DnsSettings): ResolvConf {
  if (specOf(pod).dnsPolicy === "None") return { nameservers: [], searches: [], options: [] };
  const host = parseResolvConf(settings.hostResolvConf);
  const { clusterDns, clusterDomain } = settings;
  if (clusterDns === undefined || !wantsClusterDns(pod)) return host;
  const searches = [`${pod.metadata.namespace ?? ""}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return { nameservers: [clusterDns], searches: [...searches, ...host.searches], options: ["ndots:5"] };
}

function parseResolvConf(text: string): ResolvConf {
  const words = text.split("\n").map((line) =>
    line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/),
  );
  const of = (key: string) => words.filter(([first]) => first === key).map(([, ...rest]) => rest);
  return { nameservers: of("nameserver").flat(), searches: of("search").at(-1) ?? [], options: of("options").flat() };
}

function lineOf(key: string, values: readonly string[]): string[] {
  return values.length === 0 ? [] : [`${key} ${values.join(" ")}`];
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** Replaces the file only when its content changes, in place of the same name. Its folder is there; files are small. */
export async function writeIfChanged(path: string, content: string, mode = 0o644): Promise<void> {
  const before = textOf(path);
  if (before === content) return;
  // A bind mount holds the file, not its name: what is mounted already must be rewritten, not replaced.
  if (before !== undefined) {
    writeFileSync(path, content, { mode });
    return;
  }
  const fresh = join(dirname(path), `.new-${path.slice(path.lastIndexOf("/") + 1)}`);
  writeFileSync(fresh, content, { mode });
  renameSync(fresh, path);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
