import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import { NoAnswer, type Way, type WayAnswer, type WayEvent, type WayRequest } from "./way.ts";

/** How often what goes wrong, from 0 to 1. */
export interface WayFaults {
  /** A request never arrives. */
  readonly lost: number;
  /** It is done, and the answer is lost. */
  readonly unanswered: number;
  /** The client gives up, and its request arrives later. */
  readonly overtaken: number;
  /** Requests and answers take their time. */
  readonly slow: number;
  /** A watch breaks off before its next event. */
  readonly dropped: number;
}

export const noWayFaults: WayFaults = { lost: 0, unanswered: 0, overtaken: 0, slow: 0, dropped: 0 };

export interface FaultyWayOptions {
  readonly way: Way;
  readonly faults: () => WayFaults;
  readonly clock: Clock;
  readonly random: Random;
}

const slowestMs = 300;
const quickMs = 3;

/** Everything that happens on the way to a server and back. Never happens what cannot: nothing is done twice, and a watch keeps its order. */
export class FaultyWay implements Way {
  readonly #options: FaultyWayOptions;

  constructor(options: FaultyWayOptions) {
    this.#options = options;
  }

  get server(): string {
    return this.#options.way.server;
  }

  async send(request: WayRequest): Promise<WayAnswer> {
    const { way, faults, clock, random } = this.#options;
    const { lost, unanswered, overtaken } = faults();
    await this.#delay();
    if (this.#happens(lost)) throw new NoAnswer(false);
    if (this.#happens(overtaken)) {
      void clock
        .sleep(random.float() * 10 * slowestMs)
        .then(() => way.send(request))
        .catch(() => undefined);
      throw new NoAnswer(true);
    }
    const answer = await way.send(request);
    await this.#delay();
    if (this.#happens(unanswered)) throw new NoAnswer(true);
    return answer;
  }

  async *watch(path: string, signal: AbortSignal): AsyncGenerator<WayEvent> {
    const { way, faults } = this.#options;
    await this.#delay();
    if (this.#happens(faults().lost)) throw new NoAnswer(false);
    for await (const event of way.watch(path, signal)) {
      if (this.#happens(faults().dropped)) throw new NoAnswer(true);
      yield event;
    }
  }

  async #delay(): Promise<void> {
    const { clock, random, faults } = this.#options;
    await clock.sleep(random.float() * (this.#happens(faults().slow) ? slowestMs : quickMs));
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#options.random.float() < probability;
  }
}
