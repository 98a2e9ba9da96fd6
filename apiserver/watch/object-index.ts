import { compareKeys } from "../storage/ordered-map.ts";
import type { CachedObject } from "./cached-object.ts";

/** Which objects have which value of one derived field, e.g. pods by `spec.nodeName`. */
export class ObjectIndex {
  readonly valueOf: (object: CachedObject) => string | undefined;
  readonly #byValue = new Map<string, Map<string, CachedObject>>();
  /** By key, so that what is replaced need not be looked at again. */
  readonly #values = new Map<string, string>();

  constructor(valueOf: (object: CachedObject) => string | undefined) {
    this.valueOf = valueOf;
  }

  replace(previous: CachedObject | undefined, current: CachedObject | undefined): void {
    if (previous !== undefined) this.#remove(previous);
    if (current !== undefined) this.#add(current);
  }

  /** In key order. */
  find(value: string, prefix: string): CachedObject[] {
    const found = [...(this.#byValue.get(value)?.values() ?? [])].filter(({ key }) => key.startsWith(prefix));
    return found.sort((a, b) => compareKeys(a.key, b.key));
  }

  #add(object: CachedObject): void {
    const value = this.valueOf(object);
    if (value === undefined) return;
    this.#values.set(object.key, value);
    const objects = this.#byValue.get(value);
    if (objects !== undefined) objects.set(object.key, object);
    else this.#byValue.set(value, new Map([[object.key, object]]));
  }

  #remove({ key }: CachedObject): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    const objects = this.#byValue.get(value);
    objects?.delete(key);
    if (objects?.size === 0) this.#byValue.delete(value);
  }
}
