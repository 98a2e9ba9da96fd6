import { readFile } from "node:fs/promises";
import type { EtcdOptions } from "#apiserver/storage/etcd/etcd-options";
import { CommandFailure } from "../failure.ts";

/** An etcd that somebody else runs, and the files that open it. */
export interface ExternalEtcd {
  readonly servers: readonly string[];
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly user?: string;
  /** Holds the password, and perhaps a line end. */
  readonly passwordFile?: string;
  readonly prefix?: string;
}

/** Of a cluster whose store is etcd: its own, on this port of loopback, or another. */
export type EtcdConfig = { readonly ownPort: number } | ExternalEtcd;

/** @throws CommandFailure for what cannot be meant. */
export function checkExternalEtcd({ servers, certFile, keyFile, user, passwordFile, prefix }: ExternalEtcd): void {
  if (servers.length === 0) throw new CommandFailure("--etcd-… says how to reach an etcd: name it with --etcd-servers");
  for (const server of servers) checkUrl(server);
  if (new Set(servers.map((server) => new URL(server).protocol)).size > 1)
    throw new CommandFailure("--etcd-servers are all http:// or all https://");
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new CommandFailure("--etcd-certfile and --etcd-keyfile go together");
  if ((user === undefined) !== (passwordFile === undefined))
    throw new CommandFailure("--etcd-user and --etcd-password-file go together");
  if (prefix !== undefined && !/^\/\S*[^\s/]$/.test(prefix))
    throw new CommandFailure(`--etcd-prefix begins with a slash and ends without one, e.g. /registry: "${prefix}" does not fit`);
}

/** Read anew at each start, so that certificates and passwords can be replaced. @throws CommandFailure when a file cannot be read */
export async function externalEtcdOptions(config: ExternalEtcd): Promise<EtcdOptions> {
  const { servers, user, prefix } = config;
  const [ca, cert, key, password] = await Promise.all(
    [config.caFile, config.certFile, config.keyFile, config.passwordFile].map(async (file) =>
      file === undefined ? undefined : readText(file),
    ),
  );
  return {
    servers,
    tls: { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) },
    ...(user !== undefined && password !== undefined && { auth: { user, password: password.replace(/\r?\n$/, "") } }),
    ...(prefix !== undefined && { prefix }),
  };
}

function checkUrl(server: string): void {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  const isServer = url !== undefined && /^https?:$/.test(url.protocol) && url.port !== "" && url.pathname === "/";
  if (!isServer) throw new CommandFailure(`--etcd-servers are URLs like https://10.0.0.1:2379: "${server}" is none`);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CommandFailure(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
