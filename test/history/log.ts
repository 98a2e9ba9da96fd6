import {
  contentText,
  isSelected,
  type Content,
  type History,
  type Key,
  type Operation,
  type Seen,
  type Segment,
  type SeenEvent,
} from "./history.ts";

/** One change, as watchers were told of it or its writer. */
export interface LogEntry {
  readonly version: number;
  readonly key: Key;
  readonly type: SeenEvent["type"] | "written";
  readonly content: Content;
  readonly source: string;
}

/** Every change that anybody was told of, in the order of versions: what the store's log must be. */
export class Log {
  readonly entries: readonly LogEntry[];
  /** Up to here watchers of everything, one after the other, were told all there is. */
  readonly known: number;
  /** Versions of which different things are told. */
  readonly disagreements: readonly string[];
  readonly #byVersion: ReadonlyMap<number, LogEntry>;

  constructor({ start, segments, operations }: History) {
    const byVersion = new Map<number, LogEntry>();
    const disagreements: string[] = [];
    const add = (entry: LogEntry): void => {
      const known = byVersion.get(entry.version);
      if (known !== undefined && !agree(known, entry)) disagreements.push(`${describeEntry(known)}, but ${describeEntry(entry)}`);
      // Watchers know more than a writer: whether it was there before.
      if (known === undefined || known.type === "written") byVersion.set(entry.version, entry);
    };
    for (const { watcher, events } of segments)
      for (const { key, type, seen } of events) add({ version: seen.version, key, type, content: seen.content, source: watcher });
    for (const operation of operations) {
      const seen = writtenBy(operation);
      if (seen !== undefined && operation.action.type !== "list")
        add({
          version: seen.version,
          key: operation.action.key,
          type: "written",
          content: seen.content,
          source: operation.client,
        });
    }
    this.#byVersion = byVersion;
    this.entries = [...byVersion.values()].sort((left, right) => left.version - right.version);
    this.disagreements = disagreements;
    this.known = knownUpTo(start, segments);
  }

  at(version: number): LogEntry | undefined {
    return this.#byVersion.get(version);
  }

  /** What must be there at a version, by everything that happened up to it. */
  stateAt(version: number, namespace?: string): Map<Key, Seen> {
    const state = new Map<Key, Seen>();
    for (const entry of this.entries) {
      if (entry.version > version) break;
      if (!isSelected(entry.key, namespace)) continue;
      if (entry.type === "DELETED") state.delete(entry.key);
      else state.set(entry.key, { version: entry.version, content: entry.content });
    }
    return state;
  }
}

/** Up to where a stretch of a watch has told everything. */
export function reach({ from, events, bookmarks }: Segment): number {
  const last = events.at(-1)?.seen.version ?? from;
  return Math.max(from, last, ...bookmarks.map(({ version }) => version));
}

function knownUpTo(start: number, segments: readonly Segment[]): number {
  const ofEverything = segments.filter(({ namespace }) => namespace === undefined).sort((left, right) => left.from - right.from);
  let known = start;
  for (const segment of ofEverything) if (segment.from <= known) known = Math.max(known, reach(segment));
  return known;
}

/** What an acknowledged write has put there. */
export function writtenBy({ action, outcome }: Operation): Seen | undefined {
  const isPut = action.type === "create" || action.type === "update" || action.type === "patch";
  return isPut && outcome.type === "ok" ? outcome.seen : undefined;
}

export function describeEntry({ version, key, type, content, source }: LogEntry): string {
  return `${source}: ${version} ${type} ${key} ${contentText(content)}`;
}

function agree(left: LogEntry, right: LogEntry): boolean {
  const sameType = left.type === right.type || (left.type !== "DELETED" && right.type === "written");
  return sameType && left.key === right.key && contentText(left.content) === contentText(right.content);
}
