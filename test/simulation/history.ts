import type { KubeObject, Stored } from "#api/object";
import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import type { Entry, Revision, Storage } from "#apiserver/storage/storage";
import type { Clock } from "#base/clock";

/** One change of the store, as its log has it. */
export interface Write {
  readonly revision: Revision;
  /** Milliseconds on the simulation's clock. */
  readonly at: number;
  /** `/registry/RESOURCE/[NAMESPACE/]NAME` */
  readonly key: string;
  readonly before?: Stored<KubeObject>;
  /** Absent: it was deleted. */
  readonly after?: Stored<KubeObject>;
}

/**
 * A storage that tells each write the moment it has happened, before anyone who waits for it can act on it. What it tells is read from
 * the bytes that are stored, and so owes nothing to the server that wrote them.
 */
export class ObservedStorage extends ForwardingStorage {
  readonly #clock: Clock;
  readonly #observe: (write: Write) => void;
  readonly #objects = new Map<string, Stored<KubeObject>>();

  constructor(storage: Storage, clock: Clock, observe: (write: Write) => void) {
    super(storage);
    this.#clock = clock;
    this.#observe = observe;
  }

  override async put(...args: Parameters<Storage["put"]>): Promise<Entry> {
    const [key, value] = args;
    const entry = await super.put(...args);
    if (!isEvent(key)) this.#tell(key, entry.revision, objectOf(value, entry.revision));
    return entry;
  }

  override async delete(key: string, expected: Revision): Promise<Revision> {
    const revision = await super.delete(key, expected);
    if (!isEvent(key)) this.#tell(key, revision, undefined);
    return revision;
  }

  #tell(key: string, revision: Revision, after: Stored<KubeObject> | undefined): void {
    const before = this.#objects.get(key);
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    this.#observe({ revision, at: this.#clock.now(), key, ...(before && { before }), ...(after && { after }) });
  }
}

/** Events tell stories and decide nothing. */
function isEvent(key: string): boolean {
  return key.startsWith("/registry/events/");
}

function objectOf(value: Uint8Array, revision: Revision): Stored<KubeObject> {
  const object = JSON.parse(new TextDecoder().decode(value)) as Stored<KubeObject>;
  return { ...object, metadata: { ...object.metadata, resourceVersion: `${revision}` } };
}
