import ipaddr from "ipaddr.js";

/** The address that the API server itself gets: the first after that of the range. @throws when it is no CIDR. */
export function firstAddress(range: string): string {
  const [address] = ipaddr.parseCIDR(range);
  const network =
    address.kind() === "ipv4" ? ipaddr.IPv4.networkAddressFromCIDR(range) : ipaddr.IPv6.networkAddressFromCIDR(range);
  const bytes = network.toByteArray();
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) + 1;
  return ipaddr.fromByteArray(bytes).toString();
}
