const ownRoot = "/registry";

/** Between keys as the API server has them, below `/registry/`, and keys as they are in etcd, below the configured prefix. */
export class KeySpace {
  readonly #prefix: string;

  constructor(prefix: string = ownRoot) {
    this.#prefix = prefix.replace(/\/+$/, "");
  }

  toEtcd(key: string): Buffer {
    if (!key.startsWith(`${ownRoot}/`)) throw new Error(`${key} is not below ${ownRoot}/`);
    return Buffer.from(this.#prefix + key.slice(ownRoot.length));
  }

  fromEtcd(key: Uint8Array): string {
    return ownRoot + Buffer.from(key).toString().slice(this.#prefix.length);
  }

  /** Everything this store may hold. */
  get everything(): KeyRange {
    return this.below(`${ownRoot}/`);
  }

  /** The keys that begin with `prefix` and come after `after`. */
  below(prefix: string, after?: string): KeyRange {
    const start = this.toEtcd(prefix);
    const key = after === undefined || after < prefix ? start : Buffer.concat([this.toEtcd(after), Buffer.from([0])]);
    return { key, range_end: successor(start) };
  }

  /**
   * A key that holds nothing: writing it makes a revision that every watch of everything sees. It is below no kind's prefix, and
   * kept from watchers.
   */
  get fence(): string {
    return `${ownRoot}/watch-fence`;
  }
}

/** As etcd has it: from `key` up to, not including, `range_end`. */
export interface KeyRange {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

/** The first key that does not begin with `prefix`. Prefixes here end in ASCII, so there is a last byte to count up. */
function successor(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}
