import type { Deployment, ReplicaSet } from "#api/generated/types";

export const revisionAnnotation = "deployment.kubernetes.io/revision";
const historyAnnotation = "deployment.kubernetes.io/revision-history";
const desiredAnnotation = "deployment.kubernetes.io/desired-replicas";
const maxAnnotation = "deployment.kubernetes.io/max-replicas";

const notCopied = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deprecated.deployment.rollback.to",
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
]);

const longestHistory = 2000;

type Annotations = Readonly<Record<string, string>>;

/** 0 without one, or with one that is not a number. */
export function revisionOf({ metadata }: ReplicaSet | Deployment): number {
  return numberIn(metadata.annotations, revisionAnnotation) ?? 0;
}

/** How many replicas the Deployment wanted when it last sized this ReplicaSet. */
export function desiredReplicasOf({ metadata }: ReplicaSet): number | undefined {
  return numberIn(metadata.annotations, desiredAnnotation);
}

/** How many pods there could be at most when this ReplicaSet was last sized. */
export function maxReplicasOf({ metadata }: ReplicaSet): number | undefined {
  return numberIn(metadata.annotations, maxAnnotation);
}

export function sizeAnnotations(desired: number, max: number): Annotations {
  return { [desiredAnnotation]: `${desired}`, [maxAnnotation]: `${max}` };
}

/**
 * The annotations of the newest ReplicaSet: the Deployment's own, and a revision above all others. A revision that it had before, which
 * is what a rollback returns to, is kept in its history.
 */
export function newReplicaSetAnnotations(deployment: Deployment, existing: Annotations, newRevision: number): Annotations {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !notCopied.has(key));
  const annotations = { ...existing, ...Object.fromEntries(copied) };
  const oldRevision = numberIn(existing, revisionAnnotation);
  // What somebody else wrote there cannot be counted on.
  if (oldRevision === undefined && (existing[revisionAnnotation] ?? "") !== "") return annotations;
  if ((oldRevision ?? 0) >= newRevision) return annotations;
  const history =
    oldRevision === undefined ? {} : { [historyAnnotation]: withRevision(existing[historyAnnotation], oldRevision) };
  return { ...annotations, [revisionAnnotation]: `${newRevision}`, ...history };
}

/** The oldest revisions go when there are too many to write down. */
function withRevision(history: string | undefined, revision: number): string {
  const revisions = [...(history ?? "").split(",").filter((entry) => entry !== ""), `${revision}`];
  while (revisions.join(",").length > longestHistory && revisions.length > 1) revisions.shift();
  return revisions.join(",");
}

function numberIn(annotations: Annotations | undefined, key: string): number | undefined {
  const text = annotations?.[key];
  return text !== undefined && /^-?[0-9]+$/.test(text) ? Number(text) : undefined;
}
