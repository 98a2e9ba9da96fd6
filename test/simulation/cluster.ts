import type { Deployment, Node, OwnerReference, Pod, ReplicaSet } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import type { Write } from "./history.ts";

/** What is known of an object over time. */
interface Past {
  /** Oldest first; those that were no more current when the window began are forgotten. */
  readonly states: { readonly from: number; readonly object: Stored<KubeObject> | undefined }[];
}

/**
 * The cluster as its store says it is, for the rules to look at: objects as they are now, and as they were a moment ago. Shares nothing
 * with the code that it judges, selectors included.
 */
export class Cluster {
  now = 0;
  /** How far behind the truth anybody may be: a late watch, a slow request, and the patience of who waits for them. */
  readonly windowMs: number;
  readonly #objects = new Map<string, Stored<KubeObject>>();
  readonly #byUid = new Map<string, Stored<KubeObject>>();
  readonly #byKind = new Map<string, Map<string, Stored<KubeObject>>>();
  readonly #past = new Map<string, Past>();
  /** Uids that people asked to be deleted. */
  readonly deletedByUser = new Set<string>();

  constructor({ windowMs }: { readonly windowMs: number }) {
    this.windowMs = windowMs;
  }

  apply({ key, at, after, before }: Write): void {
    this.now = at;
    if (before !== undefined) {
      this.#byUid.delete(before.metadata.uid);
      this.#byKind.get(before.kind ?? "")?.delete(key);
    }
    if (after === undefined) this.#objects.delete(key);
    else {
      this.#objects.set(key, after);
      this.#byUid.set(after.metadata.uid, after);
      this.#kind(after.kind ?? "").set(key, after);
    }
    const past = this.#past.get(key) ?? { states: [] };
    this.#past.set(key, past);
    past.states.push({ from: at, object: after });
    while ((past.states[1]?.from ?? Infinity) < at - this.windowMs) past.states.shift();
  }

  get objects(): Iterable<Stored<KubeObject>> {
    return this.#objects.values();
  }

  ofKind<T extends KubeObject>(kind: string): readonly Stored<T>[] {
    return [...this.#kind(kind).values()] as Stored<T>[];
  }

  byUid(uid: string): Stored<KubeObject> | undefined {
    return this.#byUid.get(uid);
  }

  get pods(): readonly Stored<Pod>[] {
    return this.ofKind<Pod>("Pod");
  }

  node(name: string): Stored<Node> | undefined {
    return this.#objects.get(`/registry/nodes/${name}`);
  }

  namespace(name: string): Stored<KubeObject> | undefined {
    return this.#objects.get(`/registry/namespaces/${name}`);
  }

  /** Every state that was current at some time in the window. Undefined stands for its absence. */
  lately(key: string): readonly (Stored<KubeObject> | undefined)[] {
    const states = this.#past.get(key)?.states ?? [];
    const since = this.now - this.windowMs;
    const past = states.filter((_state, index) => (states[index + 1]?.from ?? Infinity) >= since).map(({ object }) => object);
    return (states[0]?.from ?? 0) > since ? [undefined, ...past] : past;
  }

  podsOf(owner: Stored<KubeObject>): readonly Stored<Pod>[] {
    return this.pods.filter((pod) => controllerOf(pod)?.uid === owner.metadata.uid);
  }

  replicaSetsOf(owner: Stored<Deployment>): readonly Stored<ReplicaSet>[] {
    return this.ofKind<ReplicaSet>("ReplicaSet").filter((set) => controllerOf(set)?.uid === owner.metadata.uid);
  }

  #kind(kind: string): Map<string, Stored<KubeObject>> {
    const known = this.#byKind.get(kind) ?? new Map<string, Stored<KubeObject>>();
    this.#byKind.set(kind, known);
    return known;
  }
}

export function controllerOf({ metadata }: KubeObject): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

export function isGoing({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

export function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** What its image says of how a pod will behave: `broken` never gets ready, `once` ends well, everything else serves. */
export type Behaviour = "broken" | "once" | "serves";

export function behaviourOf({ spec, metadata }: Pod): Behaviour {
  const image = spec?.containers[0]?.image ?? "";
  // Of those that are flaky every other one.
  if (image.startsWith("flaky")) return /[02468ace]$/.test(metadata.uid ?? "") ? "broken" : "serves";
  return image.startsWith("broken") ? "broken" : image.startsWith("once") ? "once" : "serves";
}

/** Counts for its ReplicaSet. */
export function isActive(pod: Pod): boolean {
  return !isGoing(pod) && !hasEnded(pod);
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;
}

/** Ready for as long as is asked for. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  const ready = pod.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "True");
  return isActive(pod) && ready !== undefined && Date.parse(ready.lastTransitionTime ?? "") + minReadySeconds * 1000 <= now;
}

/** The part of a template that makes pods what they are, as text. */
export function templateText({ spec }: Deployment | ReplicaSet): string {
  const { metadata = {}, spec: pod } = spec?.template ?? {};
  const { "pod-template-hash": _hash, ...labels } = metadata.labels ?? {};
  return JSON.stringify(sorted({ labels, annotations: metadata.annotations ?? {}, pod }));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, field]) => [key, sorted(field)]));
}

/** `matchLabels` is all that the simulation uses. */
export function selects(owner: Deployment | ReplicaSet, child: KubeObject): boolean {
  const wanted = Object.entries(owner.spec?.selector.matchLabels ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => child.metadata.labels?.[key] === value);
}

/** Of a number of pods or a percentage. */
export function share(value: number | string | undefined, of: number, round: (number: number) => number): number {
  if (typeof value === "number") return value;
  return round((Number((value ?? "25%").replace("%", "")) * of) / 100);
}
