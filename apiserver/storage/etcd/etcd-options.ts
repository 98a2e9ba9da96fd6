/** Where an etcd is, and how to be let in. */
export interface EtcdOptions {
  /** URLs of its members' client listeners: `https://HOST:PORT`, or `http://` without TLS. */
  readonly servers: readonly string[];
  readonly tls?: {
    /** PEM. Absent: the authorities that Node.js trusts. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    /** The name that their certificates carry, if it is not that of the URL. */
    readonly serverName?: string;
  };
  readonly auth?: { readonly user: string; readonly password: string };
  /** Takes the place of `/registry` before every key: clusters with different ones can share an etcd. */
  readonly prefix?: string;
}
