import { timestamp } from "#base/clock";
import type { Namespace, NamespaceCondition } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { namespaces, pods, type ResourceType } from "#api/resource-type";
import { failures, nothingToDo, type Outcome, type Plan, type StatusWrite, type Write } from "../framework/plan.ts";

export interface NamespaceView {
  readonly namespace: Stored<Namespace>;
  /** What is in it, by the server's own word. */
  readonly content: readonly Content[];
  readonly now: number;
}

export interface Content {
  readonly type: ResourceType;
  readonly objects: readonly Stored<KubeObject>[];
  /** Why nobody knows what there is. */
  readonly unknown?: string;
}

const finalizer = "kubernetes";

/** Bounds one pass: a namespace may hold more than should be in flight at once. */
const burst = 200;

/**
 * Empties a namespace that is being deleted, then lets it go. Pods go before all else, so that nothing runs without the policies and
 * Secrets it was given.
 */
export function planNamespace({ namespace, content }: NamespaceView): Plan {
  if (!isTerminating(namespace)) return nothingToDo;
  if (!content.some(mayRemain)) return { steps: [finalize(namespace)] };
  const running = content.filter((each) => each.type.resource === pods.resource && each.type.group === "" && mayRemain(each));
  const due = running.length > 0 ? running : content;
  const writes = due.flatMap(({ type, objects }) => objects.filter(isStaying).map((target) => remove(type, target)));
  const steps = writes.length === 0 ? [] : [{ type: "together" as const, writes: writes.slice(0, burst) }];
  // What has to end first, or be let go by its finalizers, tells nobody when it is gone.
  return { steps, requeueAfterMs: writes.length > 0 ? 50 : 1000 };
}

export function concludeNamespace(
  { namespace, content, now }: NamespaceView,
  outcomes: readonly Outcome[],
): StatusWrite | undefined {
  const finalized = outcomes.some(({ write }) => write.type === "update");
  if (!isTerminating(namespace) || finalized) return undefined;
  const claims = [
    claim("NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered", "All resources successfully discovered"),
    claim(
      "NamespaceDeletionGroupVersionParsingFailure",
      false,
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ),
    deletionClaim(content, outcomes),
    remainingClaim(content),
    finalizersClaim(content),
  ];
  const conditions = claims.reduce((known, next) => withCondition(known, next, now), namespace.status?.conditions ?? []);
  return { resource: namespaces, object: namespace, status: { ...namespace.status, phase: "Terminating", conditions } };
}

export function isTerminating({ metadata, spec }: Namespace): boolean {
  return metadata.deletionTimestamp !== undefined && (spec?.finalizers ?? []).includes(finalizer);
}

function mayRemain({ objects, unknown }: Content): boolean {
  return objects.length > 0 || unknown !== undefined;
}

function finalize(namespace: Stored<Namespace>): Write {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((name) => name !== finalizer);
  const object: Stored<Namespace> = { ...namespace, spec: { ...namespace.spec, finalizers } };
  return { type: "update", resource: namespaces, object, subresource: "finalize" };
}

function remove(resource: ResourceType, target: Stored<KubeObject>): Write {
  return { type: "delete", resource, target, propagationPolicy: "Background" };
}

function isStaying({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp === undefined;
}

type Claim = Pick<NamespaceCondition, "type" | "status"> & { readonly reason: string; readonly message: string };

function claim(type: string, holds: boolean, reason: string, message: string): Claim {
  return { type, status: holds ? "True" : "False", reason, message };
}

/** One message a kind: a thousand objects fail for the same reason. */
function deletionClaim(content: readonly Content[], outcomes: readonly Outcome[]): Claim {
  const type = "NamespaceDeletionContentFailure";
  const messages = new Map<string, string>();
  for (const { type: kind, unknown } of content)
    if (unknown !== undefined) messages.set(`${kind.resource}.${kind.group}`, unknown);
  for (const { write, error } of failures(outcomes)) {
    const kind = `${write.resource.resource}.${write.resource.group}`;
    if (!messages.has(kind)) messages.set(kind, error.message);
  }
  if (messages.size === 0) {
    return claim(type, false, "ContentDeleted", "All content successfully deleted, may be waiting on finalization");
  }
  const each = [...messages.values()].toSorted().join(", ");
  return claim(type, true, "ContentDeletionFailed", `Failed to delete all resource types, ${messages.size} remaining: ${each}`);
}

function remainingClaim(content: readonly Content[]): Claim {
  const type = "NamespaceContentRemaining";
  const remaining = content.filter(({ objects }) => objects.length > 0);
  if (remaining.length === 0) return claim(type, false, "ContentRemoved", "All content successfully removed");
  const each = remaining.map((left) => `${left.type.resource}.${left.type.group} has ${left.objects.length} resource instances`);
  return claim(type, true, "SomeResourcesRemain", `Some resources are remaining: ${each.toSorted().join(", ")}`);
}

function finalizersClaim(content: readonly Content[]): Claim {
  const type = "NamespaceFinalizersRemaining";
  const counts = new Map<string, number>();
  for (const { objects } of content) {
    for (const name of objects.flatMap(({ metadata }) => metadata.finalizers ?? []))
      counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (counts.size === 0) return claim(type, false, "ContentHasNoFinalizers", "All content-preserving finalizers finished");
  const each = [...counts].map(([name, count]) => `${name} in ${count} resource instances`).toSorted();
  return claim(type, true, "SomeFinalizersRemain", `Some content in the namespace has finalizers remaining: ${each.join(", ")}`);
}

function withCondition(conditions: readonly NamespaceCondition[], next: Claim, now: number): readonly NamespaceCondition[] {
  const known = conditions.find(({ type }) => type === next.type);
  const lastTransitionTime = known?.status === next.status ? (known.lastTransitionTime ?? timestamp(now)) : timestamp(now);
  const condition = { ...next, lastTransitionTime };
  return known === undefined ? [...conditions, condition] : conditions.map((other) => (other === known ? condition : other));
}
