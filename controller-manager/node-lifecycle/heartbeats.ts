import type { Lease, Node } from "#api/generated/types";
import type { Stored } from "#api/object";
import type { Clock } from "#base/clock";
import type { Informer } from "#client/informer";

const leaseNamespace = "kube-node-lease";

/**
 * When each node was last heard of, by its Lease or its status. What counts is when a change was seen here: the times that nodes write
 * are their own.
 */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #heard = new Map<string, { readonly sign: string; readonly at: number }>();

  constructor(leases: Informer<Lease>, nodes: Informer<Node>, clock: Clock) {
    this.#clock = clock;
    leases.changes.subscribe(({ type, object }) => {
      const { namespace, name } = object.metadata;
      if (namespace === leaseNamespace && type !== "deleted") this.#note(`lease/${name}`, object.spec?.renewTime ?? "");
    });
    nodes.changes.subscribe(({ type, object }) => {
      const { name } = object.metadata;
      if (type === "deleted") for (const kind of ["lease", "status"]) this.#heard.delete(`${kind}/${name}`);
      else this.#note(`status/${name}`, statusSign(object));
    });
  }

  /** Milliseconds since its last sign of life. */
  silence(name: string): number {
    const last = ["lease", "status"].map((kind) => this.#heard.get(`${kind}/${name}`)?.at ?? -Infinity);
    const at = Math.max(...last);
    return at === -Infinity ? 0 : this.#clock.monotonic() - at;
  }

  #note(what: string, sign: string): void {
    if (this.#heard.get(what)?.sign !== sign) this.#heard.set(what, { sign, at: this.#clock.monotonic() });
  }
}

/** What only the node itself writes. */
function statusSign({ metadata, status }: Stored<Node>): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return `${metadata.uid} ${ready?.lastHeartbeatTime ?? ""}`;
}
