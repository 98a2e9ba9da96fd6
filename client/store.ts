import { type KubeObject, keyOf, keyText, type ObjectKey, type Stored } from "#api/object";

/** Names the values under which an object is found, e.g. the uid of its controller. */
export type IndexFunction<T extends KubeObject> = (object: Stored<T>) => readonly string[];

/** Reads from memory. Objects are frozen and shared: never older than what was read before, possibly older than the server's. */
export interface Lister<T extends KubeObject> {
  get(key: ObjectKey): Stored<T> | undefined;
  /** Of one namespace, or all. In no particular order. */
  list(namespace?: string): readonly Stored<T>[];
  byIndex(index: string, value: string): readonly Stored<T>[];
}

const namespaceIndex = "namespace";

/** The objects of one kind by key, with indexes that are always in step. */
export class Store<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, Stored<T>>();
  readonly #indexes = new Map<
    string,
    { readonly valuesOf: IndexFunction<T>; readonly entries: Map<string, Map<string, Stored<T>>> }
  >();

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>> = {}) {
    const all = { [namespaceIndex]: (object: Stored<T>) => [object.metadata.namespace ?? ""], ...indexes };
    for (const [name, valuesOf] of Object.entries(all)) this.#indexes.set(name, { valuesOf, entries: new Map() });
  }

  get(key: ObjectKey): Stored<T> | undefined {
    return this.#objects.get(keyText(key));
  }

  /** By the text of its key. */
  at(key: string): Stored<T> | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly Stored<T>[] {
    return namespace === undefined || namespace === "" ? [...this.#objects.values()] : this.byIndex(namespaceIndex, namespace);
  }

  byIndex(index: string, value: string): readonly Stored<T>[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new Error(`there is no index ${index}`);
    return [...(found.entries.get(value)?.values() ?? [])];
  }

  /** `key` is the text of its key, for who knows it. @returns what was there before. */
  put(object: Stored<T>, key = keyText(keyOf(object))): Stored<T> | undefined {
    const old = this.#objects.get(key);
    if (old !== undefined) this.delete(key);
    this.#objects.set(key, object);
    for (const { valuesOf, entries } of this.#indexes.values()) {
      for (const value of valuesOf(object)) {
        const bucket = entries.get(value);
        if (bucket === undefined) entries.set(value, new Map([[key, object]]));
        else bucket.set(key, object);
      }
    }
    return old;
  }

  /** @returns what was there before. */
  delete(key: string): Stored<T> | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    for (const { valuesOf, entries } of this.#indexes.values()) {
      for (const value of valuesOf(old)) {
        const bucket = entries.get(value);
        bucket?.delete(key);
        if (bucket?.size === 0) entries.delete(value);
      }
    }
    return old;
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }
}
