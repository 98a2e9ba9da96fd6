import { isDeepStrictEqual } from "node:util";
import { forbidden, immutable, invalidValue, type FieldError } from "../field-error.ts";
import { inRange, ipAddress, named } from "../field-rules.ts";
import type { Container, ContainerStatus, Pod, PodSpec, Toleration } from "../generated/types.ts";
import { labelKeyErrors } from "../label-validation.ts";

const emptySpec: PodSpec = { containers: [] };

/** Everything but images, the deadline, fewer scheduling gates and more tolerations is fixed once a pod exists. */
export function validatePodUpdate(next: PodSpec, old: PodSpec): FieldError[] {
  for (const field of ["containers", "initContainers"] as const) {
    if ((next[field] ?? []).length !== (old[field] ?? []).length)
      return [forbidden(`spec.${field}`, "pod updates may not add or remove containers")];
  }
  const deadline = validateDeadline(next.activeDeadlineSeconds, old.activeDeadlineSeconds);
  if (deadline.length > 0 && next.activeDeadlineSeconds !== undefined) return deadline;
  const errors = [...deadline];
  if (!keepsTolerations(next.tolerations ?? [], old.tolerations ?? []))
    errors.push(forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"));
  (next.schedulingGates ?? []).forEach(({ name }, index) => {
    if ((old.schedulingGates ?? []).some((other) => other.name === name)) return;
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.push(forbidden(`spec.schedulingGates[${index}].name`, detail));
  });
  const changed = differing(comparable(next, old), old);
  if (changed.length > 0) errors.push(forbidden("spec", `${mayChange}\nchanged: ${changed.join(", ")}`));
  return errors;
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
  const { nodeSelector, ...rest } = next;
  const selector = mayNarrow(next, old) ? old.nodeSelector : nodeSelector;
  return {
    ...rest,
    ...(selector && { nodeSelector: selector }),
    ...(mayFixGrace && { terminationGracePeriodSeconds: old.terminationGracePeriodSeconds ?? 0 }),
    containers: withImages(next.containers, old.containers),
    ...(next.initContainers && { initContainers: withImages(next.initContainers, old.initContainers) }),
  };
}

/** Until its gates are open the scheduler has not looked at a pod: where it may go can still be narrowed, not changed. */
function mayNarrow(next: PodSpec, old: PodSpec): boolean {
  if ((old.schedulingGates ?? []).length === 0) return false;
  return Object.entries(old.nodeSelector ?? {}).every(([key, value]) => next.nodeSelector?.[key] === value);
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

/** What even the status of a pod does not do. */
export function validatePodStatusUpdate(next: Pod, old: Pod): FieldError[] {
  const { status = {} } = next;
  const policy = (old.spec ?? emptySpec).restartPolicy;
  const errors: FieldError[] = [];
  const known = new Set(["PodScheduled", "Ready", "Initialized"]);
  (status.conditions ?? []).forEach(({ type }, index) => {
    if (!known.has(type)) errors.push(...named(`metadata.conditions[${index}].Type`, type, labelKeyErrors));
  });
  if (status.qosClass !== old.status?.qosClass) errors.push(immutable("status.qosClass", status.qosClass));
  const restartable = new Set(
    (old.spec?.initContainers ?? []).filter((container) => container.restartPolicy === "Always").map(({ name }) => name),
  );
  errors.push(...staysTerminated("containerStatuses", next, old, policy, new Set()));
  errors.push(...staysTerminated("initContainerStatuses", next, old, policy, restartable));
  (status.podIPs ?? []).forEach(({ ip }, index) => errors.push(...ipAddress(`status.podIPs[${index}]`, ip)));
  (status.hostIPs ?? []).forEach(({ ip }, index) => errors.push(...ipAddress(`status.hostIPs[${index}]`, ip)));
  const firstHost = status.hostIPs?.[0]?.ip;
  if (firstHost !== undefined && firstHost !== status.hostIP)
    errors.push(invalidValue("status.hostIPs[0].ip", firstHost, "must be equal to `hostIP`"));
  return errors;
}

/** Where nothing restarts, what has ended stays ended. */
function staysTerminated(
  field: "containerStatuses" | "initContainerStatuses",
  next: Pod,
  old: Pod,
  policy: string | undefined,
  restartable: ReadonlySet<string>,
): FieldError[] {
  if (policy === undefined || policy === "Always") return [];
  const statuses = next.status?.[field] ?? [];
  const mayRestart = (status: ContainerStatus): boolean =>
    restartable.has(status.name) || (policy === "OnFailure" && status.state?.terminated?.exitCode !== 0);
  return (old.status?.[field] ?? []).flatMap((before, index) => {
    if (before.state?.terminated === undefined || mayRestart(before)) return [];
    const after = statuses.find(({ name }) => name === before.name);
    if (after === undefined || after.state?.terminated !== undefined) return [];
    return [forbidden(`status.${field}[${index}].state`, "may not be transitioned to non-terminated state")];
  });
}
