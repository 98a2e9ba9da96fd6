import { deepFreeze } from "#base/deep-freeze";
import type { KubeObject, Stored } from "#api/object";
import type { EncodedEvent, EncodedObject } from "#api/request";
import { StorageError, type Entry, type Revision } from "../storage/storage.ts";
import { scalarAt } from "./json-walk.ts";
import { parseObject } from "./parse-object.ts";
import { spliceInto, splicedLength } from "./splice.ts";

/** Where the value of a version can be had again: see `Storage.valueAt`. */
export type ValueSource = (key: string, revision: Revision) => Uint8Array | undefined;

/**
 * One version of an object. Its parsed form and its lines of a watch stream are made when first asked for, once for everybody. Kept
 * for good are the stored bytes at most: what else there is of them is a copy with a few characters put in; and where the store has
 * them at hand, not even they.
 */
export class CachedObject implements EncodedObject, Entry {
  readonly key: string;
  readonly revision: Revision;
  #value: Uint8Array | undefined;
  #source: ValueSource | undefined;
  #bytes: Uint8Array | undefined;
  #object: Stored<KubeObject> | undefined;
  #events: Map<ObjectEventType, EncodedEvent> | undefined;
  #asOf: CachedObject | undefined;

  /** The same one for the same stored bytes: what a write answers with and what its watchers see is made once. */
  static of(entry: Entry): CachedObject {
    const known = byValue.get(entry.value);
    if (known?.revision === entry.revision) return known;
    const made = new CachedObject(entry);
    byValue.set(entry.value, made);
    return made;
  }

  constructor({ key, revision, value }: Entry) {
    this.key = key;
    this.revision = revision;
    this.#value = value;
  }

  /** As stored: without a resourceVersion. @throws StorageError Unavailable when it was let go and is not to be had any more */
  get value(): Uint8Array {
    const value = this.#value ?? this.#source?.(this.key, this.revision);
    if (value === undefined) {
      throw new StorageError("Unavailable", `${this.key} at revision ${this.revision} is not in memory and not in the store`);
    }
    return value;
  }

  /** From now on its value is asked for when it is needed. */
  letGo(source: ValueSource): void {
    this.#source = source;
    this.#value = undefined;
  }

  /** Its value again, before the store has none: it has been written over. */
  hold(value: Uint8Array): void {
    this.#value ??= value;
  }

  /** Frozen throughout. */
  get object(): Stored<KubeObject> {
    this.#object ??= deepFreeze(this.#withVersion(parseObject(this.value)));
    return this.#object;
  }

  /** A string, number or boolean of it as text, by the names of the fields that lead there; nothing is parsed for it. */
  scalarAt(path: readonly string[]): string | undefined {
    return scalarAt(this.value, path);
  }

  /** In the place where `bytes` has it. */
  #withVersion(object: KubeObject): Stored<KubeObject> {
    const metadata = { resourceVersion: String(this.revision), ...object.metadata };
    return { ...object, metadata } as Stored<KubeObject>;
  }

  /** JSON with the resourceVersion in it. */
  bytes(): Uint8Array {
    if (this.#bytes !== undefined) return this.#bytes;
    const { value, revision } = this;
    const bytes = Buffer.allocUnsafe(splicedLength(value, revision));
    spliceInto(bytes, 0, value, revision);
    if (bytes.length <= largestHot) this.#keepBytes(bytes);
    return bytes;
  }

  /** What is read once is often read again: the bytes of the latest few are kept. */
  #keepBytes(bytes: Uint8Array): void {
    const coldest = hot[nextHot];
    if (coldest !== undefined) coldest.#bytes = undefined;
    hot[nextHot] = this;
    nextHot = (nextHot + 1) % mostHot;
    this.#bytes = bytes;
  }

  /** As one line of a watch stream. It is kept for the watchers to come until `dropEvents`. */
  event(type: ObjectEventType): EncodedEvent {
    this.#events ??= new Map();
    const made = this.#events.get(type) ?? new ObjectEvent(type, this);
    this.#events.set(type, made);
    return made;
  }

  /** Nobody is told of this version any more. */
  dropEvents(): void {
    this.#events = undefined;
    this.#asOf = undefined;
  }

  /** The same content under another version: what a DELETED event shows is the last object at the deletion's version. */
  withRevision(revision: Revision): CachedObject {
    if (this.#asOf?.revision !== revision) this.#asOf = new CachedObject({ key: this.key, value: this.value, revision });
    return this.#asOf;
  }
}

/** What happened to an object, with its line made once for all who are told. */
class ObjectEvent implements EncodedEvent {
  readonly type: ObjectEventType;
  readonly #of: EncodedObject;
  #line: Uint8Array | undefined;

  constructor(type: ObjectEventType, of: EncodedObject) {
    this.type = type;
    this.#of = of;
  }

  get object(): KubeObject {
    return this.#of.object;
  }

  bytes(): Uint8Array {
    this.#line ??= eventLine(this.type, this.#of.bytes());
    return this.#line;
  }
}

/** With its newline. */
export function eventLine(type: EncodedEvent["type"], object: Uint8Array): Uint8Array {
  const head = `{"type":"${type}","object":`;
  const line = Buffer.allocUnsafe(head.length + object.length + 2);
  line.write(head, 0, "latin1");
  line.set(object, head.length);
  line.write("}\n", head.length + object.length, "latin1");
  return line;
}

const mostHot = 512;
const largestHot = 64 * 1024;
const hot = new Array<CachedObject | undefined>(mostHot);
let nextHot = 0;

const byValue = new WeakMap<Uint8Array, CachedObject>();

export type ObjectEventType = "ADDED" | "MODIFIED" | "DELETED";
