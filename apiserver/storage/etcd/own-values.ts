/**
 * Values that this process writes, until the watch tells of them. What comes back is then the very value that was written, not a
 * copy: it is in memory once, and who knows what it parsed by identity does not parse it again. Only bytes are taken from here;
 * that it happened, and when, is for etcd to say.
 */
export class OwnValues {
  readonly #latest = new Map<string, Uint8Array>();

  /** Before it is written. What lies in a larger buffer is small, and better copied: it would keep all of that alive. */
  add(key: string, value: Uint8Array): void {
    if (value.length === value.buffer.byteLength) this.#latest.set(key, value);
    else this.#latest.delete(key);
  }

  /** It was not written, or nobody knows. */
  remove(key: string, value: Uint8Array): void {
    if (this.#latest.get(key) === value) this.#latest.delete(key);
  }

  /** What the watch says was written: ours, if it is. */
  take(key: string, bytes: Uint8Array): Uint8Array | undefined {
    const value = this.#latest.get(key);
    if (value === undefined || Buffer.compare(value, bytes) !== 0) return undefined;
    this.#latest.delete(key);
    return value;
  }

  /** Of what was written so far the watch may not tell any more. */
  clear(): void {
    this.#latest.clear();
  }
}
