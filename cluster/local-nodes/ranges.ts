import ipaddr from "ipaddr.js";

/** The addresses of one cluster on this machine. The bridge has the node range's first address: there the nodes reach the host. */
export interface NetworkPlan {
  readonly bridge: string;
  /** A /24, e.g. `172.30.0.0/24`. */
  readonly nodeRange: string;
  /** A /16, split into a /24 a node. */
  readonly podRange: string;
}

export interface UsedNetworks {
  /** Routes and addresses in CIDR form. The default route says nothing. */
  readonly ranges: readonly string[];
  readonly links: readonly string[];
}

export const largestNodeIndex = 250;

/**
 * The first bridge, node range and pod range that nothing on this machine uses. Where a company's network routes all of 10.0.0.0/8,
 * say, a piece is taken out of it: to the rest of it the machine still finds its way. @throws Error when all are taken
 */
export function chooseNetworks(used: UsedNetworks): NetworkPlan {
  const narrow = { ...used, ranges: used.ranges.filter((range) => (parse(range)?.[1] ?? 32) > widestShared) };
  for (const view of [used, narrow]) {
    for (const plan of candidates()) if (!conflicts(plan, view)) return plan;
  }
  throw new Error("all network ranges for clusters are in use on this machine: remove a cluster with `skiff down`");
}

export function conflicts(plan: NetworkPlan, used: UsedNetworks): boolean {
  if (used.links.includes(plan.bridge)) return true;
  return used.ranges.some((range) => overlaps(range, plan.nodeRange) || overlaps(range, plan.podRange));
}

export function hostAddress(plan: NetworkPlan): string {
  return withLastPart(plan.nodeRange, 1);
}

/** @param index from 1 */
export function nodeAddress(plan: NetworkPlan, index: number): string {
  return withLastPart(plan.nodeRange, index + 1);
}

export function nodePodRange(plan: NetworkPlan, index: number): string {
  const [first = "10", second = "0"] = plan.podRange.split(".");
  return `${first}.${second}.${index}.0/24`;
}

/** The end of the node's cable in the root namespace. At most 15 characters. */
export function nodeLink(plan: NetworkPlan, index: number): string {
  return `${plan.bridge}n${index}`;
}

const widestShared = 12;

/** Pod ranges go downwards, away from 10.96.0.0/12, where Services live. Docker may hold one of the node ranges. */
function* candidates(): Generator<NetworkPlan> {
  for (const base of ["172.30", "172.29", "192.168"]) {
    for (let number = 0; number < 100; number++) {
      yield { bridge: `skiff${number}`, nodeRange: `${base}.${number}.0/24`, podRange: `10.${244 - number}.0.0/16` };
    }
  }
}

function overlaps(a: string, b: string): boolean {
  const [first, second] = [parse(a), parse(b)];
  if (first === undefined || second === undefined) return false;
  const bits = Math.min(first[1], second[1]);
  return bits > 0 && first[0].match(second[0], bits);
}

function parse(range: string): [ipaddr.IPv4, number] | undefined {
  const text = range.includes("/") ? range : `${range}/32`;
  return ipaddr.IPv4.isValidCIDR(text) ? ipaddr.IPv4.parseCIDR(text) : undefined;
}

function withLastPart(range: string, part: number): string {
  return `${range.split(".").slice(0, 3).join(".")}.${part}`;
}
