import { emptyStoreRevision } from "../../commit.ts";
import type { Revision } from "../../storage.ts";
import { isLeased, roundOf } from "./crash-values.testing.ts";
import type { LoggedChange, Shown, State } from "./crash-writer.testing.ts";

/** What must be there, as it was when it was looked at last. */
export interface Known {
  readonly revision: Revision;
  readonly entries: ReadonlyMap<string, { readonly revision: Revision; readonly id: string }>;
}

export const nothingKnown: Known = { revision: emptyStoreRevision, entries: new Map() };

/**
 * What is wrong with a store that was opened again: with its contents, its log since it was looked at last, and what anybody was
 * shown in between. `round` wrote in between.
 */
export function problemsOf(known: Known, state: State, shown: readonly Shown[], round: number): string[] {
  return [
    ...state.contradictions,
    ...logProblems(known, state, round),
    ...contentProblems(known, state),
    ...shownProblems(known, state, shown),
  ];
}

export function knownFrom({ revision, entries }: State): Known {
  return { revision, entries: new Map(entries.map(([key, at, id]) => [key, { revision: at, id }])) };
}

/** Revisions follow each other without a gap, and each change fits what was there before it. */
function logProblems(known: Known, state: State, round: number): string[] {
  const problems: string[] = [];
  if (state.revision < known.revision) problems.push(`the revision went back from ${known.revision} to ${state.revision}`);
  const entries = new Map(known.entries);
  let expected = known.revision;
  for (const [revision, changes] of state.log) {
    if (revision !== ++expected) problems.push(`the log has ${revision} where ${expected} belongs`);
    expected = revision;
    for (const [key, id, previousId, previousRevision] of changes) {
      const before = entries.get(key);
      if ((before?.id ?? null) !== previousId || (before?.revision ?? 0) !== previousRevision) {
        const had = before === undefined ? "nothing" : `${before.id} of ${before.revision}`;
        problems.push(
          `${key} at ${revision} says that it replaced ${previousId ?? "nothing"} of ${previousRevision}; it was ${had}`,
        );
      }
      if (id !== null && roundOf(id) !== round)
        problems.push(`${key} at ${revision} is ${id}, which round ${round} did not write`);
      if (id === null) entries.delete(key);
      else entries.set(key, { revision, id });
    }
    if (changes.length > 1) problems.push(...changes.flatMap((change) => expiryProblems(revision, change)));
  }
  if (expected !== Math.max(state.revision, known.revision))
    problems.push(`the log ends at ${expected}, not at ${state.revision}`);
  return problems;
}

/** Only leases end together. */
function expiryProblems(revision: Revision, [key, id, previousId]: LoggedChange): string[] {
  return id === null && previousId !== null && isLeased(previousId)
    ? []
    : [`${key} at ${revision} is part of an expiry: ${id ?? "nothing"} after ${previousId ?? "nothing"}`];
}

/** What is there is what the log makes of what was there. */
function contentProblems(known: Known, state: State): string[] {
  const expected = new Map(known.entries);
  for (const [revision, changes] of state.log) {
    for (const [key, id] of changes) {
      if (id === null) expected.delete(key);
      else expected.set(key, { revision, id });
    }
  }
  const problems: string[] = [];
  for (const [key, revision, id] of state.entries) {
    const logged = expected.get(key);
    expected.delete(key);
    if (logged?.id === id && logged.revision === revision) continue;
    const said = logged === undefined ? "nothing" : `${logged.id} of ${logged.revision}`;
    problems.push(`${key} is ${id} of ${revision}; by the log it is ${said}`);
  }
  for (const [key, { id, revision }] of expected) problems.push(`${key} is gone; by the log it is ${id} of ${revision}`);
  return problems;
}

/** Whatever was shown at a revision is what the log has there. */
function shownProblems(known: Known, state: State, shown: readonly Shown[]): string[] {
  const log = new Map(state.log.map(([revision, changes]) => [revision, new Map(changes.map(([key, id]) => [key, id]))]));
  const problems: string[] = [];
  for (const [kind, key, revision, id] of shown) {
    if (kind === "failed") {
      problems.push(`a write of ${key} failed: ${id}`);
      continue;
    }
    // Of an earlier round, which was checked then.
    if (revision <= known.revision && kind === "read" && known.entries.get(key)?.id === id) continue;
    const logged = log.get(revision);
    if (logged === undefined || logged.get(key) !== id) {
      problems.push(`${kind} ${key} ${id ?? "deleted"} at ${revision}, and the log has ${logged?.get(key) ?? "nothing of it"}`);
    }
  }
  return problems;
}
