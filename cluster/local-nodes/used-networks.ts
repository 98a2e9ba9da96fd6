import { runChecked } from "#node-agent/runtime/run-command";
import type { UsedNetworks } from "./ranges.ts";

/** What this network namespace has and where it knows a way to. */
export async function readUsedNetworks(): Promise<UsedNetworks> {
  const [addresses, routes] = await Promise.all([
    json<{ ifname: string; addr_info: { local: string; prefixlen: number }[] }>("address"),
    json<{ dst: string }>("route"),
  ]);
  const own = addresses.flatMap(({ addr_info }) => addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
  return { links: addresses.map(({ ifname }) => ifname), ranges: [...own, ...routes.map(({ dst }) => dst)] };
}

async function json<T>(what: "address" | "route"): Promise<readonly T[]> {
  const table = what === "route" ? ["table", "all"] : [];
  const output = await runChecked(["ip", "-4", "-json", what, "show", ...table]);
  return output.trim() === "" ? [] : (JSON.parse(output) as T[]);
}
