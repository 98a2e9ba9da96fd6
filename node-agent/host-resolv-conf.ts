import { readFile } from "node:fs/promises";

/** Where systemd-resolved keeps the servers that its stub on 127.0.0.53 asks. */
const behindTheStub = "/run/systemd/resolve/resolv.conf";

/**
 * The resolv.conf that pods with the host's DNS get. A server on loopback is one that a pod cannot reach: then it is the file behind
 * systemd-resolved's stub, as upstream's kubelet is set up to use it. Empty when there is none.
 */
export async function readHostResolvConf(
  read: (path: string) => Promise<string> = (path) => readFile(path, "utf8"),
): Promise<string> {
  const own = await read("/etc/resolv.conf").catch(() => "");
  if (!asksLoopbackOnly(own)) return own;
  return read(behindTheStub).catch(() => own);
}

function asksLoopbackOnly(text: string): boolean {
  const servers = text.split("\n").flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
  return servers.length > 0 && servers.every((server) => server.startsWith("127.") || server === "::1");
}
