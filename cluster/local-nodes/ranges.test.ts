import { describe, expect, it } from "vitest";
import { droppingChains, firewallRules } from "./firewall.ts";
import { missingTools } from "./missing-tools.ts";
import { chooseNetworks, conflicts, hostAddress, nodeAddress, nodeLink, nodePodRange } from "./ranges.ts";

const first = { bridge: "skiff0", nodeRange: "172.30.0.0/24", podRange: "10.244.0.0/16" };

describe("chooseNetworks", () => {
  it("takes the first of all on an empty machine", () => {
    expect(chooseNetworks({ ranges: ["192.0.2.2/24", "default"], links: ["lo", "eth0"] })).toEqual(first);
  });

  it.each([
    ["another cluster's bridge", { ranges: [], links: ["skiff0"] }],
    ["an address in the node range", { ranges: ["172.30.0.9/32"], links: [] }],
    ["a wider route over the node range", { ranges: ["172.30.0.0/16"], links: [] }],
    ["a route into the pod range", { ranges: ["10.244.7.0/24"], links: [] }],
  ])("steps aside for %s", (_what, used) => {
    expect(chooseNetworks(used)).not.toEqual(first);
    expect(conflicts(chooseNetworks(used), used)).toBe(false);
  });

  it("takes no notice of the default route", () => {
    expect(chooseNetworks({ ranges: ["0.0.0.0/0"], links: [] })).toEqual(first);
  });

  it("takes a piece out of a network as wide as a company's", () => {
    expect(chooseNetworks({ ranges: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], links: [] })).toEqual(first);
  });

  it("says when there is no room left", () => {
    const links = Array.from({ length: 100 }, (_, number) => `skiff${number}`);
    expect(() => chooseNetworks({ ranges: [], links })).toThrow("all network ranges");
  });

  it("never overlaps the Services' 10.96.0.0/12", () => {
    const links = Array.from({ length: 99 }, (_, number) => `skiff${number}`);
    expect(conflicts(chooseNetworks({ ranges: [], links }), { ranges: ["10.96.0.0/12"], links: [] })).toBe(false);
  });
});

it("derives a node's addresses from its number", () => {
  expect([hostAddress(first), nodeAddress(first, 1), nodePodRange(first, 1), nodeLink(first, 250)]).toEqual([
    "172.30.0.1",
    "172.30.0.2",
    "10.244.1.0/24",
    "skiff0n250",
  ]);
});

it("finds the chains that drop what they do not know", () => {
  const chain = { family: "ip", table: "filter", name: "FORWARD", hook: "forward" };
  expect(droppingChains([{ chain: { ...chain, policy: "drop" } }, { chain: { ...chain, policy: "accept" } }, {}])).toEqual([
    { family: "ip", table: "filter", chain: "FORWARD" },
  ]);
});

it("masquerades only what leaves the cluster", () => {
  expect(firewallRules(first)).toContain('ip saddr @cluster ip daddr != @cluster oifname != "skiff0" masquerade');
});

it("names the package of a program that is missing", () => {
  const missing = missingTools({ path: "/nowhere" }).map(({ tool, package: name }) => ({ tool, name }));
  for (const { tool, name } of missing) expect([tool, name].every((text) => text !== "")).toBe(true);
  expect(missing).toContainEqual({ tool: "conmon", name: "conmon" });
});
