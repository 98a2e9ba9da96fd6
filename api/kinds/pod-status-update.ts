import { isIP } from "node:net";
import { duplicate, forbidden, immutable, invalidValue, type FieldError } from "../field-error.ts";
import { inRange, ipAddress, named } from "../field-rules.ts";
import type { ContainerStatus, Pod, PodCondition, PodSpec, PodStatus } from "../generated/types.ts";
import { labelKeyErrors, subdomainErrors } from "../label-validation.ts";

const emptySpec: PodSpec = { containers: [] };
const ownConditions = ["PodScheduled", "Ready", "Initialized"];

/** What a pod with gates says of itself from the start (upstream: applySchedulingGatedCondition). */
export function gatedCondition({ schedulingGates = [] }: PodSpec): Pick<PodStatus, "conditions"> {
  if (schedulingGates.length === 0) return {};
  const message = "Scheduling is blocked due to non-empty scheduling gates";
  return { conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated", message }] };
}

/** Agents that do not know them yet leave out the quality and the generations they looked at: these stay. */
export function keepObserved(next: Pod, old: Pod): Pod {
  const { qosClass, observedGeneration } = old.status ?? {};
  const before = [...(old.status?.conditions ?? [])];
  const conditions = next.status?.conditions?.map((condition): PodCondition => {
    const at = before.findIndex(({ type }) => type === condition.type);
    const [previous] = at === -1 ? [] : before.splice(at, 1);
    if (condition.observedGeneration || previous?.observedGeneration === undefined) return condition;
    return { ...condition, observedGeneration: previous.observedGeneration };
  });
  return {
    ...next,
    status: {
      ...next.status,
      ...(qosClass !== undefined && !next.status?.qosClass && { qosClass }),
      ...(observedGeneration !== undefined && !next.status?.observedGeneration && { observedGeneration }),
      ...(conditions && { conditions }),
    },
  };
}

/** What even the status of a pod does not do (upstream: ValidatePodStatusUpdate). */
export function validatePodStatusUpdate(next: Pod, old: Pod): FieldError[] {
  const { status = {} } = next;
  const policy = (old.spec ?? emptySpec).restartPolicy;
  const errors: FieldError[] = [];
  (status.conditions ?? []).forEach(({ type }, index) => {
    if (!ownConditions.includes(type)) errors.push(...named(`metadata.conditions[${index}].Type`, type, labelKeyErrors));
  });
  const { nominatedNodeName: nominated } = status;
  if (nominated && nominated !== old.status?.nominatedNodeName)
    errors.push(...named("status.nominatedNodeName", nominated, subdomainErrors));
  if (status.qosClass !== old.status?.qosClass) errors.push(immutable("status.qosClass", status.qosClass));
  const restartable = new Set(
    (old.spec?.initContainers ?? []).filter((container) => container.restartPolicy === "Always").map(({ name }) => name),
  );
  errors.push(...staysTerminated("containerStatuses", next, old, policy, new Set()));
  errors.push(...staysTerminated("initContainerStatuses", next, old, policy, restartable));
  errors.push(...staysTerminated("ephemeralContainerStatuses", next, old, "Never", new Set()));
  errors.push(...validateClaimStatuses(next));
  errors.push(...validateAddresses(status.podIPs ?? [], "status.podIPs"));
  const firstHost = status.hostIPs?.[0]?.ip;
  if (firstHost !== undefined && firstHost !== status.hostIP)
    errors.push(invalidValue("status.hostIPs[0].ip", firstHost, "must be equal to `hostIP`"));
  errors.push(...validateAddresses(status.hostIPs ?? [], "status.hostIPs"));
  for (const field of statusFields) errors.push(...validateUsers(status[field] ?? [], `status.${field}`, next.spec?.os?.name));
  return errors;
}

const statusFields = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] as const;

/** Where nothing restarts, what has ended stays ended. */
function staysTerminated(
  field: (typeof statusFields)[number],
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

function validateClaimStatuses({ spec, status }: Pod): FieldError[] {
  const known = (spec?.resourceClaims ?? []).map(({ name }) => name);
  const statuses = status?.resourceClaimStatuses ?? [];
  const names = statuses.map(({ name }) => name);
  return statuses.flatMap(({ name, resourceClaimName }, index) => {
    const field = `status.resourceClaimStatuses[${index}].name`;
    return [
      ...(known.includes(name) ? [] : [invalidValue(field, name, "must match the name of an entry in `spec.resourceClaims`")]),
      ...(names.indexOf(name) < index ? [duplicate(field, name)] : []),
      ...(resourceClaimName === undefined ? [] : named(field, resourceClaimName, subdomainErrors)),
    ];
  });
}

/** One address of each family at most. */
function validateAddresses(addresses: readonly { readonly ip: string }[], at: string): FieldError[] {
  const ips = addresses.map(({ ip }) => ip);
  const errors = ips.flatMap((ip, index) => ipAddress(`${at}[${index}]`, ip));
  const families = new Set(ips.map((ip) => isIP(ip)));
  if (ips.length > 1 && (families.size !== 2 || ips.length > 2))
    errors.push(invalidValue(at, addresses, "may specify no more than one IP for each IP family"));
  addresses.forEach((address, index) => {
    if (ips.indexOf(address.ip) < index) errors.push(duplicate(`${at}[${index}]`, address));
  });
  return errors;
}

const largestId = 2 ** 31 - 1;

function validateUsers(statuses: readonly ContainerStatus[], at: string, system = "linux"): FieldError[] {
  return statuses.flatMap(({ user }, index) => {
    const linux = user?.linux;
    const field = `${at}[${index}].linux`;
    if (linux === undefined) return [];
    if (system === "windows") return [forbidden(field, "cannot be set for a windows pod")];
    return [
      ...inRange(`${field}.uid`, linux.uid, 0, largestId),
      ...inRange(`${field}.gid`, linux.gid, 0, largestId),
      ...(linux.supplementalGroups ?? []).flatMap((id, nth) => inRange(`${field}.supplementalGroups[${nth}]`, id, 0, largestId)),
    ];
  });
}
