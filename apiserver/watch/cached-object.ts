import { deepFreeze } from "#base/deep-freeze";
import type { KubeObject, Stored } from "#api/object";
import type { EncodedEvent, EncodedObject } from "#api/request";
import type { Entry, Revision } from "../storage/storage.ts";
import { withResourceVersion } from "./splice.ts";

/** One version of an object. Its bytes, its events and its parsed form are made when first asked for, once for everybody. */
export class CachedObject implements EncodedObject, Entry {
  readonly key: string;
  readonly revision: Revision;
  /** As stored: without a resourceVersion. */
  readonly value: Uint8Array;
  #bytes: Uint8Array | undefined;
  #object: Stored<KubeObject> | undefined;
  #events = new Map<ObjectEventType, Uint8Array>();
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
    this.value = value;
  }

  /** Frozen throughout. */
  get object(): Stored<KubeObject> {
    this.#object ??= deepFreeze(JSON.parse(textOf(this.bytes())) as Stored<KubeObject>);
    return this.#object;
  }

  /** JSON with the resourceVersion in it. */
  bytes(): Uint8Array {
    this.#bytes ??= withResourceVersion(this.value, this.revision);
    return this.#bytes;
  }

  /** One line of a watch stream, with its newline. */
  event(type: ObjectEventType): Uint8Array {
    const made = this.#events.get(type);
    if (made !== undefined) return made;
    const line = Buffer.concat([Buffer.from(`{"type":"${type}","object":`), this.bytes(), Buffer.from("}\n")]);
    this.#events.set(type, line);
    return line;
  }

  /** `event` in the form in which answers carry it. */
  encodedEvent(type: ObjectEventType): EncodedEvent {
    const { object } = this;
    return { type, object, bytes: () => this.event(type) };
  }

  /** The same content under another version: what a DELETED event shows is the last object at the deletion's version. */
  withRevision(revision: Revision): CachedObject {
    if (this.#asOf?.revision !== revision) this.#asOf = new CachedObject({ key: this.key, value: this.value, revision });
    return this.#asOf;
  }
}

const byValue = new WeakMap<Uint8Array, CachedObject>();

/** Without a copy of the bytes. */
function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString();
}

export type ObjectEventType = "ADDED" | "MODIFIED" | "DELETED";
