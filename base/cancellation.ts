/**
 * An AbortController whose signal is made when somebody first asks for it: most requests end without anybody having listened, and
 * signals are dear. The reason is always the caller's, because the one that abort() makes by itself costs a stack.
 */
export class Cancellation {
  readonly #reason: Error;
  #controller: AbortController | undefined;
  #aborted = false;

  /** `reason`: what the signal aborts with when `abort` names none. */
  constructor(reason: Error) {
    this.#reason = reason;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error = this.#reason): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#controller?.abort(reason);
  }
}
