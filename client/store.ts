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

/** The objects of one kind by key, with indexes that are always in step. An index is made when it is first asked for: many never are. */
export class Store<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, Stored<T>>();
  readonly #functions: ReadonlyMap<string, IndexFunction<T>>;
  readonly #indexes = new Map<string, Index<T>>();

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>> = {}) {
    const byNamespace: IndexFunction<T> = (object) => [object.metadata.namespace ?? ""];
    this.#functions = new Map([[namespaceIndex, byNamespace], ...Object.entries(indexes)]);
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
    return (this.#indexes.get(index) ?? this.#made(index)).find(value);
  }

  /** `key` is the text of its key, for who knows it. @returns what was there before. */
  put(object: Stored<T>, key = keyText(keyOf(object))): Stored<T> | undefined {
    const old = this.delete(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) index.add(key, object);
    return old;
  }

  /** @returns what was there before. */
  delete(key: string): Stored<T> | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) index.remove(key, old);
    return old;
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  #made(name: string): Index<T> {
    const valuesOf = this.#functions.get(name);
    if (valuesOf === undefined) throw new Error(`there is no index ${name}`);
    const index = new Index(valuesOf);
    for (const [key, object] of this.#objects) index.add(key, object);
    this.#indexes.set(name, index);
    return index;
  }
}

/** Objects by a value of theirs, then by key. */
class Index<T extends KubeObject> {
  readonly #valuesOf: IndexFunction<T>;
  readonly #buckets = new Map<string, Map<string, Stored<T>>>();

  constructor(valuesOf: IndexFunction<T>) {
    this.#valuesOf = valuesOf;
  }

  find(value: string): readonly Stored<T>[] {
    return [...(this.#buckets.get(value)?.values() ?? [])];
  }

  add(key: string, object: Stored<T>): void {
    for (const value of this.#valuesOf(object)) {
      const bucket = this.#buckets.get(value);
      if (bucket === undefined) this.#buckets.set(value, new Map([[key, object]]));
      else bucket.set(key, object);
    }
  }

  remove(key: string, object: Stored<T>): void {
    for (const value of this.#valuesOf(object)) {
      const bucket = this.#buckets.get(value);
      bucket?.delete(key);
      if (bucket?.size === 0) this.#buckets.delete(value);
    }
  }
}
