/** Addresses of a cluster on one machine, all derived from its two ranges. */
export function gatewayOf(range: string): string {
  return hostOf(range, 1);
}

/** The address of the nth node, counted from 1. */
export function nodeAddress(nodeRange: string, index: number): string {
  return hostOf(nodeRange, 10 + index);
}

/** The pods of the nth node, counted from 1. */
export function podCidr(podRange: string, index: number): string {
  const [first = "10", second = "244"] = podRange.split(".");
  return `${first}.${second}.${index}.0/24`;
}

export function nodeName(index: number): string {
  return `node-${index}`;
}

function hostOf(range: string, host: number): string {
  const [address = ""] = range.split("/");
  return `${address.slice(0, address.lastIndexOf("."))}.${host}`;
}
