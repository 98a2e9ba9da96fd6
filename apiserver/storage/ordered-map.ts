/** A map whose keys are strings in the order of their UTF-8 bytes: what a prefix names is one stretch of it. */
export class OrderedMap<V> {
  readonly #values = new Map<string, V>();
  /** Sorted, none empty, each at most `chunkSize` long: inserting moves one chunk, not a million keys. */
  readonly #chunks: string[][] = [];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  set(key: string, value: V): void {
    const size = this.#values.size;
    this.#values.set(key, value);
    if (this.#values.size > size) this.#insert(key);
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return true;
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    return true;
  }

  /**
   * The keys that begin with `prefix` and come after `after`, in order. To be used up before the map changes; stopping early
   * costs only what was taken.
   */
  *keys(prefix: string, after = ""): Generator<string> {
    const start = after !== "" && compareKeys(after, prefix) >= 0 ? after : prefix;
    let at = this.#chunkOf(start);
    let chunk = this.#chunks[at];
    let position = chunk === undefined ? 0 : lowerBound(chunk, start);
    for (; chunk !== undefined; chunk = this.#chunks[++at], position = 0) {
      for (; position < chunk.length; position++) {
        const key = chunk[position] ?? "";
        if (!key.startsWith(prefix)) return;
        if (key !== after) yield key;
      }
    }
  }

  /** In the order of their keys. At once, because for each of many thousands a generator costs more than the look-up. */
  values(prefix: string): V[] {
    const values: V[] = [];
    let at = this.#chunkOf(prefix);
    let position = lowerBound(this.#chunks[at] ?? [], prefix);
    for (let chunk = this.#chunks[at]; chunk !== undefined; chunk = this.#chunks[++at], position = 0) {
      for (; position < chunk.length; position++) {
        const key = chunk[position] ?? "";
        if (!key.startsWith(prefix)) return values;
        values.push(this.#values.get(key) as V);
      }
    }
    return values;
  }

  /** How many keys begin with `prefix` and come after `after`, without looking at each. */
  count(prefix: string, after = ""): number {
    const isBehind = (key: string): boolean => compareKeys(key, after) > 0 && compareKeys(key, prefix) >= 0;
    const isBeyond = (key: string): boolean => compareKeys(key, prefix) > 0 && !key.startsWith(prefix);
    return Math.max(0, this.#before(isBeyond) - this.#before(isBehind));
  }

  /** How many keys come before the first of those at the end for which it is so. */
  #before(isSo: (key: string) => boolean): number {
    let count = 0;
    for (const chunk of this.#chunks) {
      if (!isSo(chunk.at(-1) ?? "")) count += chunk.length;
      else return count + firstIndex(chunk.length, (index) => isSo(chunk[index] ?? ""));
    }
    return count;
  }

  #insert(key: string): void {
    const last = this.#chunks.at(-1);
    if (last === undefined || compareKeys(last.at(-1) ?? "", key) < 0) this.#append(last, key);
    else this.#insertBetween(key);
  }

  /** Behind all others: where a map that is filled in order gets each of its keys. */
  #append(last: string[] | undefined, key: string): void {
    if (last === undefined || last.length === chunkSize) this.#chunks.push([key]);
    else last.push(key);
  }

  #insertBetween(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > chunkSize) this.#chunks.splice(at + 1, 0, chunk.splice(chunk.length / 2));
  }

  /** The only chunk that holds `key`, or should. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (compareKeys(this.#chunks[middle]?.[0] ?? "", key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const chunkSize = 512;

/** Orders strings by their UTF-8 bytes. JavaScript's own order differs where surrogate pairs meet U+E000 and above. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return utf8Rank(left) - utf8Rank(right);
  }
  return a.length - b.length;
}

function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

function lowerBound(sorted: readonly string[], key: string): number {
  return firstIndex(sorted.length, (index) => compareKeys(sorted[index] ?? "", key) >= 0);
}

/** The first index for which it is so, if it is so for all behind it, too; `length` when there is none. */
function firstIndex(length: number, isSo: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
