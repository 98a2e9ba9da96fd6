import type { ResourceDefinition } from "../definition.ts";
import { forbidden, immutable, notSupported, required, type FieldError } from "../field-error.ts";
import type { PriorityClass } from "../generated/types.ts";
import { priorityClasses } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";

const highestOfUsers = 1_000_000_000;
const systemCritical = 2 * highestOfUsers;
const systemPrefix = "system-";
const policies = ["PreemptLowerPriority", "Never"];

/** Classes that every cluster has, for what the cluster itself runs on (upstream: pkg/apis/scheduling/v1/helpers.go). */
export const systemPriorityClasses: readonly PriorityClass[] = [
  {
    metadata: { name: "system-node-critical" },
    value: systemCritical + 1000,
    description: "Used for system critical pods that must not be moved from their current node.",
  },
  {
    metadata: { name: "system-cluster-critical" },
    value: systemCritical,
    description: "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  },
];

export function isSystemPriorityClass(name: string): boolean {
  return systemPriorityClasses.some(({ metadata }) => metadata.name === name);
}

export const priorityClassDefinition: ResourceDefinition<PriorityClass> = {
  type: priorityClasses,
  singular: "priorityclass",
  shortNames: ["pc"],
  versions: [{ version: "v1", schema: "io.k8s.api.scheduling.v1.PriorityClass" }],
  // Go's encoding always says what number it is, and that a class is the default only when it is.
  withDefaults: ({ globalDefault, ...object }) => ({
    ...object,
    value: object.value ?? 0,
    ...(globalDefault === true && { globalDefault }),
    preemptionPolicy: object.preemptionPolicy ?? "PreemptLowerPriority",
  }),
  prepareForCreate: (object) => ({ ...object, metadata: { ...object.metadata, generation: 1 } }),
  validate: validatePriorityClass,
  validateUpdate: (next, old) => [
    ...((next.value ?? 0) === (old.value ?? 0) ? [] : [immutable("value", next.value ?? 0)]),
    ...(next.preemptionPolicy === old.preemptionPolicy ? [] : [immutable("preemptionPolicy", next.preemptionPolicy)]),
  ],
  tableColumns: [
    column("Value", "The number that pods of this class get: those with a higher one come first.", { type: "integer" }),
    column("Global-Default", "Whether pods without a class get this one.", { type: "boolean" }),
    ageColumn,
    column("PreemptionPolicy", "Whether its pods may push out others of lower priority."),
  ],
  tableRow: (object, now) => [
    object.value ?? 0,
    object.globalDefault === true,
    age(object.metadata.creationTimestamp, now),
    object.preemptionPolicy ?? "<unset>",
  ],
};

/** Upstream: pkg/apis/scheduling/validation. */
function validatePriorityClass(object: PriorityClass): FieldError[] {
  const { value = 0, preemptionPolicy: policy } = object;
  const name = object.metadata.name ?? "";
  const errors: FieldError[] = [];
  if (name.startsWith(systemPrefix)) {
    const problem = unlikeSystemClass(object, name);
    const reserved = `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: `;
    if (problem !== undefined) errors.push(forbidden("metadata.name", reserved + problem));
  } else if (value > highestOfUsers) {
    errors.push(forbidden("value", `maximum allowed value of a user defined priority is ${highestOfUsers}`));
  }
  if (policy === "") errors.push(required("preemptionPolicy"));
  else if (policy !== undefined && !policies.includes(policy)) errors.push(notSupported("preemptionPolicy", policy, policies));
  return errors;
}

function unlikeSystemClass({ value = 0, globalDefault }: PriorityClass, name: string): string | undefined {
  const known = systemPriorityClasses.find(({ metadata }) => metadata.name === name);
  if (known === undefined) return `${name} is not a known system priority class`;
  if (known.value !== value) return `value of ${name} PriorityClass must be ${known.value ?? 0}`;
  return globalDefault === true ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}
