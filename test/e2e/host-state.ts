import { readdirSync, readFileSync } from "node:fs";
import { run, succeed } from "./run.ts";

/** Everything of this machine that a cluster touches and must give back. */
export interface HostState {
  readonly links: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly mounts: readonly string[];
  readonly tables: string;
  readonly forwarding: string;
  readonly cgroups: readonly string[];
  readonly processes: readonly string[];
}

export async function hostState(): Promise<HostState> {
  const lines = (text: string): string[] =>
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .sort();
  const links = JSON.parse(await succeed(["ip", "-json", "link"])) as { ifname: string }[];
  const addresses = JSON.parse(await succeed(["ip", "-json", "address"])) as { addr_info: { local: string }[] }[];
  const nft = await run(["nft", "list", "ruleset"]);
  return {
    links: links.map(({ ifname }) => ifname).sort(),
    addresses: addresses.flatMap(({ addr_info: infos }) => infos.map(({ local }) => local)).sort(),
    routes: lines(await succeed(["ip", "route"])),
    mounts: lines(readFileSync("/proc/self/mounts", "utf8")),
    tables: nft.stdout,
    forwarding: readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim(),
    cgroups: cgroups("/sys/fs/cgroup"),
    processes: skiffProcesses(),
  };
}

const foldersIn = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${path}/${name}`);

/** v1 has a tree for each controller, v2 one for all. */
function cgroups(root: string): string[] {
  return foldersIn(root)
    .flatMap((controller) => [controller, ...foldersIn(controller)])
    .filter((path) => path.includes("/skiff"))
    .sort();
}

/** Those of single pods, of every cluster on this machine. */
export function podCgroups(): string[] {
  const below = (path: string): string[] => foldersIn(path).flatMap((child) => [child, ...below(child)]);
  return cgroups("/sys/fs/cgroup")
    .flatMap(below)
    .filter((path) => /\/pod[^/]*$/.test(path));
}

/** What a cluster starts, by command line. */
function skiffProcesses(): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (/main\.js run |\bconmon\b|\betcd\b.* --initial-cluster skiff=/.test(command)) found.push(command);
    } catch {
      // It ended while we looked.
    }
  }
  return found.sort();
}
