import type { Clock } from "#base/clock";

export interface TurnsOptions {
  readonly clock: Clock;
  readonly atOnce: number;
}

/** What takes longer than this waits for something rather than uses the machine, and keeps nobody else waiting. */
const patienceMs = 1000;

interface Waiting {
  readonly progress: number;
  readonly begin: () => void;
}

/**
 * Who is furthest goes first, and only as many at once as the machine has use for: of many pods that are to start, the first run
 * long before the last, where all would be ready at the very end if each got its share from the beginning.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #atOnce: number;
  #counted = 0;
  #waiting: readonly Waiting[] = [];

  constructor({ clock, atOnce }: TurnsOptions) {
    this.#clock = clock;
    this.#atOnce = atOnce;
  }

  /** Whether a turn is to be had without waiting. */
  get isFree(): boolean {
    return this.#counted < this.#atOnce;
  }

  /** Of equal progress who came first. @returns what ends the turn */
  async take(progress: number): Promise<() => void> {
    if (!this.isFree) await new Promise<void>((begin) => this.#wait({ progress, begin }));
    else this.#counted++;
    const ended = new AbortController();
    let counts = true;
    const end = (): void => {
      if (!counts) return;
      counts = false;
      this.#pass();
    };
    void this.#clock.sleep(patienceMs, ended.signal).then(end, () => undefined);
    return () => {
      ended.abort(hasEnded);
      end();
    };
  }

  #wait(waiting: Waiting): void {
    const behind = this.#waiting.findIndex(({ progress }) => progress < waiting.progress);
    this.#waiting = behind === -1 ? [...this.#waiting, waiting] : this.#waiting.toSpliced(behind, 0, waiting);
  }

  /** To the next, who is counted in place of who has ended. */
  #pass(): void {
    const [next, ...others] = this.#waiting;
    this.#waiting = others;
    if (next === undefined) this.#counted--;
    else next.begin();
  }
}

/** One for all: an error of its own for each would cost its stack. */
const hasEnded = new Error("the turn has ended");
