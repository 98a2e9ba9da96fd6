import { runChecked, runCommand } from "#node-agent/runtime/run-command";
import type { NetworkPlan } from "./ranges.ts";

/** The cluster's one table: pods and nodes leave the machine under its address; among themselves they keep their own. */
export function firewallRules({ bridge, nodeRange, podRange }: NetworkPlan): string {
  const table = tableName(bridge);
  return `
table ip ${table}
delete table ip ${table}
table ip ${table} {
  set cluster {
    type ipv4_addr
    flags interval
    elements = { ${nodeRange}, ${podRange} }
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr @cluster ip daddr != @cluster oifname != "${bridge}" masquerade
  }
}
`;
}

/** One transaction: there is never half a table. */
export async function installFirewall(plan: NetworkPlan): Promise<void> {
  await runChecked(["nft", "-f", "-"], { input: firewallRules(plan) });
  await removeAcceptances(plan);
  for (const { family, table, chain } of droppingChains(await readRuleset())) {
    for (const side of ["iifname", "oifname"]) {
      await runChecked([
        "nft",
        "insert",
        "rule",
        family,
        table,
        chain,
        side,
        plan.bridge,
        "accept",
        "comment",
        `"${comment(plan)}"`,
      ]);
    }
  }
}

export async function removeFirewall(plan: NetworkPlan): Promise<void> {
  await removeAcceptances(plan);
  const exists = (await runCommand(["nft", "list", "table", "ip", tableName(plan.bridge)])).exitCode === 0;
  if (exists) await runChecked(["nft", "delete", "table", "ip", tableName(plan.bridge)]);
}

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
}

export interface NftObject {
  readonly chain?: { family: string; table: string; name: string; hook?: string; policy?: string };
  readonly rule?: { family: string; table: string; chain: string; handle: number; comment?: string };
}

/**
 * A packet must pass every table, so where another one (Docker's, say) drops by default what it does not know, only a rule in its own
 * chain helps. Such rules carry this cluster's comment, by which they are found again.
 */
export function droppingChains(ruleset: readonly NftObject[]): readonly Chain[] {
  return ruleset.flatMap(({ chain }) => {
    const drops = chain?.hook === "forward" && chain.policy === "drop" && ["ip", "inet"].includes(chain.family);
    return drops ? [{ family: chain.family, table: chain.table, chain: chain.name }] : [];
  });
}

async function removeAcceptances(plan: NetworkPlan): Promise<void> {
  for (const { rule } of await readRuleset()) {
    if (rule?.comment !== comment(plan)) continue;
    await runChecked(["nft", "delete", "rule", rule.family, rule.table, rule.chain, "handle", String(rule.handle)]);
  }
}

async function readRuleset(): Promise<readonly NftObject[]> {
  const output = await runChecked(["nft", "-j", "list", "ruleset"]);
  return output.trim() === "" ? [] : (JSON.parse(output) as { nftables: NftObject[] }).nftables;
}

function tableName(bridge: string): string {
  return `skiff_${bridge}`;
}

function comment({ bridge }: NetworkPlan): string {
  return `skiff cluster on ${bridge}`;
}
