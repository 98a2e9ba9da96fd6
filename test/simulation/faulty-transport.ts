import { StatusError } from "#api/status";
import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import type { Answer, Call, RawWatchEvent, Transport } from "#client/transport";

/** How often what goes wrong, from 0 to 1. */
export interface Faults {
  /** A request is lost before the server has it. */
  readonly lost: number;
  /** The server does what it is asked to, and its answer is lost. */
  readonly unanswered: number;
  /** The server is too busy. */
  readonly refused: number;
  /** A request or an answer takes long. */
  readonly slow: number;
  /** A watch ends before its next events. */
  readonly dropped: number;
  /** Events come late. */
  readonly late: number;
}

export const noFaults: Faults = { lost: 0, unanswered: 0, refused: 0, slow: 0, dropped: 0, late: 0 };

export interface FaultyTransportOptions {
  readonly transport: Transport;
  /** As they are at the moment. */
  readonly faults: () => Faults;
  readonly clock: Clock;
  readonly random: Random;
  /** Before a write is sent, and after it was done and before it is answered: where a process can be killed. */
  readonly onWrite?: (when: "before" | "after", call: Call) => void;
}

const slowestMs = 4_000;
const quickMs = 15;

/**
 * The way from one process to the API server, with everything that happens on such ways: requests and answers are lost or take their
 * time, watches break off and lag. Never happens what cannot: a request is not done twice, and the events of a watch keep their order.
 */
export class FaultyTransport implements Transport {
  readonly #options: FaultyTransportOptions;
  #dead = false;

  constructor(options: FaultyTransportOptions) {
    this.#options = options;
  }

  /** The process is no more: it sends nothing, and learns nothing of what it has sent. */
  cut(): void {
    this.#dead = true;
  }

  async send(call: Call): Promise<Answer> {
    const { transport, faults, onWrite } = this.#options;
    const { lost, unanswered, refused } = faults();
    const isWrite = call.verb !== "get" && call.verb !== "list";
    await this.#delay(call.signal);
    if (this.#happens(lost)) throw unreachable("connection refused");
    if (this.#happens(refused)) throw new StatusError("TooManyRequests", "too many requests", { retryAfterSeconds: 1 });
    if (isWrite) onWrite?.("before", call);
    await this.#deadEnd();
    const answer = await transport.send(call);
    if (isWrite) onWrite?.("after", call);
    await this.#deadEnd();
    if (this.#happens(unanswered)) throw unreachable("connection reset by peer");
    await this.#delay(call.signal);
    await this.#deadEnd();
    return answer;
  }

  async *watch(call: Call & { readonly signal: AbortSignal }): AsyncGenerator<readonly RawWatchEvent[]> {
    const { transport, faults, clock, random } = this.#options;
    if (this.#happens(faults().lost)) throw unreachable("connection refused");
    for await (const batch of transport.watch(call)) {
      await this.#deadEnd();
      if (this.#happens(faults().dropped)) {
        // Half of them end as a server ends them, half as a broken connection does.
        if (this.#happens(0.5)) return;
        throw unreachable("connection reset by peer");
      }
      if (this.#happens(faults().late)) await clock.sleep(random.float() * slowestMs, call.signal);
      yield batch;
    }
  }

  stream(call: Call): AsyncIterable<Uint8Array> {
    return this.#options.transport.stream(call);
  }

  async #delay(signal: AbortSignal | undefined): Promise<void> {
    const { clock, random, faults } = this.#options;
    const { slow } = faults();
    if (slow === 0) return;
    await clock.sleep(random.float() * (this.#happens(slow) ? slowestMs : quickMs), signal);
  }

  /** What a dead process waits for never comes. */
  async #deadEnd(): Promise<void> {
    if (this.#dead) await new Promise<never>(() => undefined);
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#options.random.float() < probability;
  }
}

function unreachable(why: string): StatusError {
  return new StatusError("ServiceUnavailable", `the API server cannot be reached: ${why}`);
}
