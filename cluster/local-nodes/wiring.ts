import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { runChecked, runCommand } from "#node-agent/runtime/run-command";
import type { NodeNamespaces } from "./namespaces.ts";
import type { NetworkPlan } from "./ranges.ts";
import { hostAddress, nodeAddress, nodeLink, nodePodRange } from "./ranges.ts";

/** @returns false when another cluster has a bridge of that name */
export async function ensureBridge(plan: NetworkPlan, owner: string): Promise<boolean> {
  const made = await runCommand(["ip", "link", "add", "name", plan.bridge, "address", ownAddress(owner), "type", "bridge"]);
  if (made.exitCode !== 0 && !(await isOwnBridge(plan, owner))) {
    if (made.stderr.includes("File exists")) return false;
    throw new Error(`cannot make the bridge ${plan.bridge}: ${made.stderr.trim()}`);
  }
  await ipBatch([], [`address replace ${hostAddress(plan)}/24 dev ${plan.bridge}`, `link set ${plan.bridge} up`]);
  return true;
}

export async function isOwnBridge({ bridge }: NetworkPlan, owner: string): Promise<boolean> {
  const address = await readFile(`/sys/class/net/${bridge}/address`, "utf8").catch(() => "");
  return address.trim() === ownAddress(owner);
}

/** Its routes go with it. */
export async function removeBridge(plan: NetworkPlan, owner: string): Promise<void> {
  if (await isOwnBridge(plan, owner)) await runChecked(["ip", "link", "delete", plan.bridge]);
}

/** A cable from the bridge to the node, the node's address and its way out. */
export async function wireNode(plan: NetworkPlan, index: number, namespaces: NodeNamespaces): Promise<void> {
  const link = nodeLink(plan, index);
  const address = `${nodeAddress(plan, index)}/24`;
  if (!(await isWired(link, address, namespaces))) {
    await removeNodeLink(plan, index);
    await ipBatch(
      [],
      [`link add name ${link} type veth peer name eth0 netns ${namespaces.network}`, `link set ${link} master ${plan.bridge} up`],
    );
    await ipBatch(inNetwork(namespaces), [
      "link set lo up",
      `address replace ${address} dev eth0`,
      "link set eth0 up",
      `route replace default via ${hostAddress(plan)}`,
    ]);
  }
  await runChecked([...inNetwork(namespaces), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
}

/** From the host and from each node to the pods of each other node. */
export async function connectNodes(
  plan: NetworkPlan,
  nodes: Readonly<Record<string, number>>,
  namespacesOf: (name: string) => NodeNamespaces,
): Promise<void> {
  const route = (index: number, device: string) =>
    `route replace ${nodePodRange(plan, index)} via ${nodeAddress(plan, index)} dev ${device}`;
  await ipBatch(
    [],
    Object.values(nodes).map((index) => route(index, plan.bridge)),
  );
  for (const [name, own] of Object.entries(nodes)) {
    const others = Object.values(nodes).filter((index) => index !== own);
    // A node that a crash left unmade joins when it is ensured.
    const wired = (await runCommand([...inNetwork(namespacesOf(name)), "ip", "link", "show", "eth0"])).exitCode === 0;
    if (wired)
      await ipBatch(
        inNetwork(namespacesOf(name)),
        others.map((index) => route(index, "eth0")),
      );
  }
}

export async function removeNodeLink(plan: NetworkPlan, index: number): Promise<void> {
  const link = nodeLink(plan, index);
  const result = await runCommand(["ip", "link", "delete", link]);
  if (result.exitCode !== 0 && !result.stderr.includes("Cannot find device"))
    throw new Error(`cannot remove ${link}: ${result.stderr}`);
  await runCommand(["ip", "route", "delete", nodePodRange(plan, index), "dev", plan.bridge]);
}

async function isWired(link: string, address: string, namespaces: NodeNamespaces): Promise<boolean> {
  const outside = await runCommand(["ip", "link", "show", link]);
  const inside = await runCommand([...inNetwork(namespaces), "ip", "-4", "-brief", "address", "show", "dev", "eth0"]);
  return outside.exitCode === 0 && inside.exitCode === 0 && inside.stdout.includes(address);
}

function inNetwork({ network }: NodeNamespaces): readonly string[] {
  return ["nsenter", `--net=${network}`];
}

async function ipBatch(prefix: readonly string[], lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await runChecked([...prefix, "ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Locally administered, and no other cluster's: by it a bridge is known to be ours. */
function ownAddress(owner: string): string {
  const digest = createHash("sha256").update(owner).digest("hex");
  return ["02", ...(digest.slice(0, 10).match(/../g) ?? [])].join(":");
}
