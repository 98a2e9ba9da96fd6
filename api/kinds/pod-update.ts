import { isDeepStrictEqual } from "node:util";
import { forbidden, invalidValue, required, type FieldError } from "../field-error.ts";
import { inRange } from "../field-rules.ts";
import type {
  Affinity,
  Container,
  EphemeralContainer,
  NodeAffinity,
  NodeSelectorTerm,
  PodSpec,
  Toleration,
} from "../generated/types.ts";
import { validateImageText } from "./container-validation.ts";

/** Everything but images, the deadline, fewer scheduling gates and more tolerations is fixed once a pod exists. */
export function validatePodUpdate(next: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["containers", "initContainers"] as const) {
    if ((next[field] ?? []).length !== (old[field] ?? []).length)
      return [...errors, forbidden(`spec.${field}`, "pod updates may not add or remove containers")];
    (next[field] ?? []).forEach(({ image = "" }, index) => {
      const at = `spec.${field}[${index}].image`;
      errors.push(...(image === "" ? [required(at)] : validateImageText(image, at)));
    });
  }
  const deadline = validateDeadline(next.activeDeadlineSeconds, old.activeDeadlineSeconds);
  errors.push(...deadline);
  if (deadline.length > 0 && next.activeDeadlineSeconds !== undefined) return errors;
  if (!keepsTolerations(next.tolerations ?? [], old.tolerations ?? []))
    errors.push(forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"));
  (next.schedulingGates ?? []).forEach(({ name }, index) => {
    if ((old.schedulingGates ?? []).some((other) => other.name === name)) return;
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.push(forbidden(`spec.schedulingGates[${index}].name`, detail));
  });
  if (isGated(old)) errors.push(...validateNarrowing(next, old));
  const changed = differing(comparable(next, old), old);
  if (changed.length > 0) errors.push(forbidden("spec", `${mayChange}\nchanged: ${changed.join(", ")}`));
  return errors;
}

/** They can be added and never again be changed or taken away (upstream: ValidatePodEphemeralContainersUpdate). */
export function validateEphemeralUpdate(next: readonly EphemeralContainer[], old: readonly EphemeralContainer[]): FieldError[] {
  const at = "spec.ephemeralContainers";
  return old.flatMap((before) => {
    const index = next.findIndex(({ name }) => name === before.name);
    if (index === -1) return [forbidden(at, `existing ephemeral containers "${before.name}" may not be removed\n`)];
    if (isDeepStrictEqual(next[index], before)) return [];
    return [forbidden(`${at}[${index}]`, `existing ephemeral containers "${before.name}" may not be changed\n`)];
  });
}

const mayChange =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

function validateDeadline(next: number | undefined, old: number | undefined): FieldError[] {
  const at = "spec.activeDeadlineSeconds";
  if (next === undefined)
    return old === undefined ? [] : [invalidValue(at, undefined, "must not update from a positive integer to nil value")];
  const range = inRange(at, next, 0, 2 ** 31 - 1);
  if (range.length > 0 || old === undefined || next <= old) return range;
  return [invalidValue(at, next, "must be less than or equal to previous value")];
}

/** The wanted spec with everything put back that it may change. */
function comparable(next: PodSpec, old: PodSpec): PodSpec {
  const mayFixGrace = (old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1;
  const withImages = (containers: readonly Container[], before: readonly Container[] | undefined): Container[] =>
    containers.map((container, index) => {
      const image = before?.[index]?.image;
      return image === undefined ? container : { ...container, image };
    });
  const compared: PodSpec = {
    ...next,
    ...(mayFixGrace && { terminationGracePeriodSeconds: old.terminationGracePeriodSeconds ?? 0 }),
    containers: withImages(next.containers, old.containers),
    ...(next.initContainers && { initContainers: withImages(next.initContainers, old.initContainers) }),
  };
  return isGated(old) ? withPlaceOf(compared, old) : compared;
}

/** Until its gates are open the scheduler has not looked at a pod: where it may go can still be narrowed, not changed. */
function isGated({ schedulingGates = [] }: PodSpec): boolean {
  return schedulingGates.length > 0;
}

/** As if the pod still asked for the nodes that the other asks for. */
function withPlaceOf({ nodeSelector: _, affinity, ...rest }: PodSpec, old: PodSpec): PodSpec {
  const { nodeAffinity: __, ...others }: Affinity = affinity ?? {};
  const before = old.affinity?.nodeAffinity;
  const merged: Affinity = { ...others, ...(before && { nodeAffinity: before }) };
  const isAbsent = Object.keys(merged).length === 0 && old.affinity === undefined;
  return {
    ...rest,
    ...(old.nodeSelector && { nodeSelector: old.nodeSelector }),
    ...(!isAbsent && { affinity: merged }),
  };
}

/** Upstream: validateNodeSelectorMutation and validateNodeAffinityMutation. */
function validateNarrowing(next: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const keeps = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => next.nodeSelector?.[key] === value);
  if (!keeps) {
    const detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
    errors.push(invalidValue("spec.nodeSelector", next.nodeSelector ?? {}, detail));
  }
  const before = termsOf(old.affinity?.nodeAffinity);
  const after = termsOf(next.affinity?.nodeAffinity);
  const at = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  if (before.length === 0) return errors;
  if (before.length !== after.length)
    return [...errors, invalidValue(at, after, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")];
  after.forEach((term, index) => {
    if (!onlyAdds(term, before[index] ?? {}))
      errors.push(invalidValue(`${at}[${index}]`, term, "only additions are allowed (no mutations or deletions)"));
  });
  return errors;
}

function termsOf(affinity: NodeAffinity | undefined): readonly NodeSelectorTerm[] {
  return affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
}

/** An empty term selects nothing, so that adding to it would widen it. */
function onlyAdds(next: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const begins = (list: readonly unknown[] = [], start: readonly unknown[] = []): boolean =>
    isDeepStrictEqual(list.slice(0, start.length), start);
  const wasEmpty = (old.matchExpressions ?? []).length + (old.matchFields ?? []).length === 0;
  const isEmpty = (next.matchExpressions ?? []).length + (next.matchFields ?? []).length === 0;
  if (wasEmpty) return isEmpty;
  return begins(next.matchExpressions, old.matchExpressions) && begins(next.matchFields, old.matchFields);
}

/** Fields with rules of their own above are left out. */
function differing(next: PodSpec, old: PodSpec): string[] {
  const free = new Set(["activeDeadlineSeconds", "tolerations", "schedulingGates"]);
  const fields = new Set([...Object.keys(next), ...Object.keys(old)]);
  const of = (spec: PodSpec, field: string): unknown => (spec as unknown as Record<string, unknown>)[field];
  return [...fields]
    .filter((field) => !free.has(field) && !isDeepStrictEqual(of(next, field), of(old, field)))
    .map((field) => `spec.${field}`);
}

function keepsTolerations(next: readonly Toleration[], old: readonly Toleration[]): boolean {
  const withoutSeconds = ({ tolerationSeconds: _, ...rest }: Toleration): object => rest;
  return old.every((toleration) => next.some((other) => isDeepStrictEqual(withoutSeconds(other), withoutSeconds(toleration))));
}
