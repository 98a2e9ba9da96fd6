/** Runs one task per key for all who ask for it while it runs. It is aborted when the last of them has lost interest. */
export class SharedTasks<T> {
  readonly #running = new Map<string, { result: Promise<T>; abort: AbortController; waiting: number }>();

  async run(key: string, signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const shared = this.#running.get(key) ?? this.#begin(key, task);
    shared.waiting++;
    let leave: () => void = () => undefined;
    const left = new Promise<never>((_resolve, reject) => {
      leave = () => reject(signal.reason as Error);
      signal.addEventListener("abort", leave, { once: true });
    });
    try {
      return await Promise.race([shared.result, left]);
    } finally {
      signal.removeEventListener("abort", leave);
      if (--shared.waiting === 0) {
        shared.abort.abort();
        if (this.#running.get(key) === shared) this.#running.delete(key);
      }
    }
  }

  #begin(key: string, task: (signal: AbortSignal) => Promise<T>) {
    const abort = new AbortController();
    const shared = { result: task(abort.signal), abort, waiting: 0 };
    this.#running.set(key, shared);
    const forget = () => {
      if (this.#running.get(key) === shared) this.#running.delete(key);
    };
    shared.result.then(forget, forget);
    return shared;
  }
}
