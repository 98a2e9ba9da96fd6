import { join } from "node:path";
import type { EtcdOptions } from "#apiserver/storage/etcd/etcd-options";
import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import { CommandFailure } from "../failure.ts";
import { findProgram } from "../local-nodes/missing-tools.ts";
import { openPki, type Pki } from "../pki/pki.ts";
import type { ClusterPaths } from "../state/cluster-config.ts";

/** What its process is called among those of the cluster. */
export const ownEtcd = "etcd";

/** @throws CommandFailure when it is not installed */
export function findEtcd(path: string): string {
  const program = findProgram("etcd", path);
  if (program !== undefined) return program;
  throw new CommandFailure(
    "not installed: etcd (the store that --store etcd asks for). On Debian and Ubuntu: apt-get install etcd-server; or name one that runs with --etcd-servers",
  );
}

/**
 * The command line of a cluster's own etcd: on loopback, for nobody without a certificate of an authority that signs for nothing
 * else, because whoever reads a cluster's store has the cluster.
 */
export async function ownEtcdCommand(
  program: string,
  port: number,
  paths: ClusterPaths,
  deps: { readonly clock: Clock; readonly random: Random },
): Promise<string[]> {
  const pki = await etcdPki(paths, deps);
  await pki.pair("server", { commonName: "etcd", use: "both", dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });
  const file = (name: string): string => join(etcdPkiFolder(paths), name);
  const client = urlOf(port);
  // One member has no peers; its listener for them must be somewhere.
  const peer = "https://127.0.0.1:0";
  return [
    program,
    ...["--name", "skiff", "--data-dir", paths.store, "--logger", "zap", "--log-outputs", "stderr", "--log-level", "warn"],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `skiff=${peer}`],
    ...["--client-cert-auth", "--trusted-ca-file", file("ca.crt")],
    ...["--cert-file", file("server.crt"), "--key-file", file("server.key")],
    ...["--peer-client-cert-auth", "--peer-trusted-ca-file", file("ca.crt")],
    ...["--peer-cert-file", file("server.crt"), "--peer-key-file", file("server.key")],
  ];
}

/** How the API server reaches it. */
export async function ownEtcdOptions(
  port: number,
  paths: ClusterPaths,
  deps: { readonly clock: Clock; readonly random: Random },
): Promise<EtcdOptions> {
  const pki = await etcdPki(paths, deps);
  const { cert, key } = await pki.pair("client", { commonName: "kube-apiserver", use: "client" });
  // By its name: Node.js warns of addresses in the place of one.
  return { servers: [urlOf(port)], tls: { ca: pki.ca, cert, key, serverName: "localhost" } };
}

function etcdPki(paths: ClusterPaths, { clock, random }: { clock: Clock; random: Random }): Promise<Pki> {
  return openPki(etcdPkiFolder(paths), clock, random);
}

function etcdPkiFolder(paths: ClusterPaths): string {
  return join(paths.pki, "etcd");
}

function urlOf(port: number): string {
  return `https://127.0.0.1:${port}`;
}
