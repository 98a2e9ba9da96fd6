import { isDeepStrictEqual } from "node:util";
import type { ResourceDefinition } from "../definition.ts";
import { duplicate, forbidden, invalidValue, type FieldError } from "../field-error.ts";
import { cidr, named, oneOf } from "../field-rules.ts";
import type { Node, Taint } from "../generated/types.ts";
import { labelValueErrors, labelKeyErrors } from "../label-validation.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";
import { nodes } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";
import { comesInWholes } from "./resources-validation.ts";

const rolePrefix = "node-role.kubernetes.io/";

export const nodeDefinition: ResourceDefinition<Node> = {
  type: nodes,
  singular: "node",
  shortNames: ["no"],
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.Node" }],
  hasStatus: true,
  // An agent registers its node together with the first status.
  prepareForCreate: (node) => node,
  withDefaults: (node) => {
    const { spec, status } = node;
    const ranges = podRanges(spec ?? {});
    return {
      ...node,
      ...(ranges !== undefined && { spec: { ...spec, ...ranges } }),
      ...(status?.capacity !== undefined &&
        status.allocatable === undefined && { status: { ...status, allocatable: status.capacity } }),
    };
  },
  // Upstream says of taints that they are wrong below metadata, and so do we.
  validate: (node) => [
    ...validateTaints(node.spec?.taints ?? [], "metadata.taints"),
    ...validateResources(node),
    ...validateCidrs(node),
  ],
  validateUpdate: (next, old, subresource) => {
    const errors = [...(subresource === undefined ? [] : validateResources(next)), ...validateAddresses(next)];
    if (subresource !== undefined) return errors;
    const podCidrsSet = (old.spec?.podCIDRs ?? []).length > 0;
    if (podCidrsSet && !isDeepStrictEqual(next.spec?.podCIDRs, old.spec?.podCIDRs)) {
      errors.push(forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'));
    }
    if (old.spec?.providerID && next.spec?.providerID !== old.spec.providerID) {
      errors.push(forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'));
    }
    if ((next.spec?.externalID ?? "") !== (old.spec?.externalID ?? ""))
      errors.push(forbidden("spec.externalID", "may not be updated"));
    return errors;
  },
  selectableFields: (node) => ({ "spec.unschedulable": String(node.spec?.unschedulable ?? false) }),
  tableColumns: [
    column("Status", "Whether the node is ready, and takes pods."),
    column("Roles", "The roles its labels give it."),
    ageColumn,
    column("Version", "Version of its agent."),
    column("Internal-IP", "Address inside the cluster.", { priority: 1 }),
    column("External-IP", "Address for the outside.", { priority: 1 }),
    column("OS-Image", "Operating system.", { priority: 1 }),
    column("Kernel-Version", "Version of its kernel.", { priority: 1 }),
    column("Container-Runtime", "What runs its containers.", { priority: 1 }),
  ],
  tableRow: (node, now) => [
    statusText(node),
    rolesText(node),
    age(node.metadata.creationTimestamp, now),
    node.status?.nodeInfo?.kubeletVersion ?? "",
    addressOf(node, "InternalIP"),
    addressOf(node, "ExternalIP"),
    orUnknown(node.status?.nodeInfo?.osImage),
    orUnknown(node.status?.nodeInfo?.kernelVersion),
    orUnknown(node.status?.nodeInfo?.containerRuntimeVersion),
  ],
};

function validateTaints(taints: readonly Taint[], at: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  taints.forEach((taint, index) => {
    const field = `${at}[${index}]`;
    errors.push(...named(`${field}.key`, taint.key, labelKeyErrors));
    const complaints = labelValueErrors(taint.value ?? "");
    if (complaints.length > 0) errors.push(invalidValue(`${field}.value`, taint.value, complaints.join(";")));
    errors.push(...oneOf(`${field}.effect`, taint.effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"]));
    const id = `${taint.effect}/${taint.key}`;
    if (seen.has(id)) errors.push(duplicate(field, taint, "taints must be unique by key and effect pair"));
    seen.add(id);
  });
  return errors;
}

function validateCidrs(node: Node): FieldError[] {
  const ranges = node.spec?.podCIDRs ?? [];
  const errors = ranges.flatMap((range, index) => cidr(`spec.podCIDRs[${index}]`, range));
  ranges.forEach((range, index) => {
    if (ranges.indexOf(range) < index) errors.push(duplicate(`spec.podCIDRs[${index}]`, range));
  });
  if (ranges.filter((range) => range.includes(":")).length > 1 || ranges.filter((range) => !range.includes(":")).length > 1)
    errors.push(invalidValue("spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family"));
  return errors;
}

function validateResources({ status }: Node): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["capacity", "allocatable"] as const) {
    for (const [resource, quantity] of Object.entries(status?.[field] ?? {})) {
      const at = `status.${field}.${resource}`;
      const amount = parseQuantity(quantity);
      if (compareQuantities(amount, parseQuantity(0)) < 0)
        errors.push(invalidValue(at, String(quantity), "must be greater than or equal to 0"));
      if (comesInWholes(resource) && amount.nanos % 1_000_000_000n !== 0n)
        errors.push(invalidValue(at, String(quantity), "must be an integer"));
    }
  }
  return errors;
}

function validateAddresses({ status }: Node): FieldError[] {
  const addresses = (status?.addresses ?? []).map(({ type, address }) => JSON.stringify({ type, address }));
  return addresses.flatMap((address, index) =>
    addresses.indexOf(address) < index ? [duplicate(`status.addresses[${index}]`, JSON.parse(address) as unknown)] : [],
  );
}

/** One range is the first of the list, and where both are said the one counts (upstream: the conversions of NodeSpec). */
function podRanges({ podCIDR, podCIDRs = [] }: NonNullable<Node["spec"]>): NonNullable<Node["spec"]> | undefined {
  const [first] = podCIDRs;
  if (!podCIDR) return first === undefined ? undefined : { podCIDR: first };
  return first === podCIDR ? undefined : { podCIDRs: [podCIDR] };
}

function statusText(node: Node): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  const words = [ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady"];
  if (node.spec?.unschedulable === true) words.push("SchedulingDisabled");
  return words.join(",");
}

function rolesText(node: Node): string {
  const labels = node.metadata.labels ?? {};
  const roles = Object.keys(labels)
    .filter((label) => label.startsWith(rolePrefix) && label.length > rolePrefix.length)
    .map((label) => label.slice(rolePrefix.length));
  const legacy = labels["kubernetes.io/role"];
  if (legacy !== undefined && legacy !== "") roles.push(legacy);
  return roles.length === 0 ? "<none>" : [...new Set(roles)].sort().join(",");
}

function addressOf(node: Node, type: string): string {
  return node.status?.addresses?.find((address) => address.type === type)?.address ?? "<none>";
}

function orUnknown(text: string | undefined): string {
  return text === undefined || text === "" ? "<unknown>" : text;
}
