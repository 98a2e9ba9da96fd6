import type { Compaction, History, Operation, Segment, SeenEvent, Tick } from "./history.ts";

/** Writes down what happens, in the order in which it does. */
export class Recorder {
  readonly #operations: Operation[] = [];
  readonly #segments: OpenSegment[] = [];
  readonly #compactions: Compaction[] = [];
  readonly #stalled: string[] = [];
  #ticks = 0;
  start = 0;

  tick(): Tick {
    return ++this.#ticks;
  }

  operation(operation: Omit<Operation, "id">): Operation {
    const recorded = { id: this.#operations.length, ...operation };
    this.#operations.push(recorded);
    return recorded;
  }

  segment(watcher: string, namespace: string | undefined, from: number): OpenSegment {
    const segment = new OpenSegment(watcher, namespace, from);
    this.#segments.push(segment);
    return segment;
  }

  compaction(version: number): void {
    this.#compactions.push({ tick: this.tick(), version });
  }

  stalled(what: string): void {
    this.#stalled.push(what);
  }

  history(): History {
    return {
      start: this.start,
      operations: this.#operations,
      segments: this.#segments,
      compactions: this.#compactions,
      stalled: this.#stalled,
    };
  }
}

export class OpenSegment implements Segment {
  readonly watcher: string;
  readonly namespace?: string;
  readonly from: number;
  readonly events: SeenEvent[] = [];
  readonly bookmarks: { version: number; after: number }[] = [];
  expiredAt?: Tick;

  constructor(watcher: string, namespace: string | undefined, from: number) {
    this.watcher = watcher;
    if (namespace !== undefined) this.namespace = namespace;
    this.from = from;
  }

  /** Where the watch goes on from. */
  get position(): number {
    return Math.max(this.from, this.events.at(-1)?.seen.version ?? 0, this.bookmarks.at(-1)?.version ?? 0);
  }
}
