import { duplicate, forbidden, invalidValue, notFoundValue, required, type FieldError } from "../field-error.ts";
import type { ResourceRequirements } from "../generated/types.ts";
import { labelKeyErrors } from "../label-validation.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";

const zero = parseQuantity(0);
const standard = new Set(["cpu", "memory", "ephemeral-storage"]);
/** Known to quotas and nodes, and meaningless for one container. */
const elsewhere = new Set(["pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "storage"]);

/** The rules of what a container asks for and may use. `claims` are the names the pod has. */
export function validateResources(resources: ResourceRequirements, at: string, claims: ReadonlySet<string>): FieldError[] {
  const { limits = {}, requests = {} } = resources;
  const errors: FieldError[] = [];
  for (const [resource, quantity] of Object.entries(limits)) errors.push(...validateAmount(resource, quantity, `${at}.limits`));
  for (const [resource, request] of Object.entries(requests)) {
    errors.push(...validateAmount(resource, request, `${at}.requests`));
    errors.push(...validateAgainstLimit(resource, request, limits[resource], at));
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes("cpu") && !names.includes("memory"))
    errors.push(forbidden(at, "HugePages require cpu or memory"));
  const seen = new Set<string>();
  (resources.claims ?? []).forEach(({ name }, index) => {
    const field = `${at}.claims[${index}]`;
    if (!name) {
      errors.push(required(field));
      return;
    }
    if (seen.has(name)) errors.push(duplicate(field, name));
    seen.add(name);
    if (claims.has(name)) return;
    const known = claims.size === 0 ? " which is empty" : `: ${[...claims].sort().join(", ")}`;
    errors.push(notFoundValue(field, name, `must be one of the names in pod.spec.resourceClaims${known}`));
  });
  return errors;
}

function validateAmount(resource: string, quantity: string | number, at: string): FieldError[] {
  const field = `${at}[${resource}]`;
  const errors = validateContainerResource(resource, field);
  const amount = parseQuantity(quantity);
  if (compareQuantities(amount, zero) < 0)
    errors.push(invalidValue(field, String(quantity), "must be greater than or equal to 0"));
  if (isExtended(resource) && amount.nanos % 1_000_000_000n !== 0n)
    errors.push(invalidValue(field, String(quantity), "must be an integer"));
  return errors;
}

function validateContainerResource(resource: string, field: string): FieldError[] {
  const complaints = labelKeyErrors(resource);
  if (complaints.length > 0) return complaints.map((complaint) => invalidValue(field, resource, complaint));
  if (resource.includes("/")) {
    if (isNative(resource) || isExtended(resource)) return [];
    return [invalidValue(field, resource, "doesn't follow extended resource name standard")];
  }
  if (standard.has(resource) || isHugePages(resource)) return [];
  const unknown = elsewhere.has(resource)
    ? []
    : [invalidValue(field, resource, "must be a standard resource type or fully qualified")];
  return [...unknown, invalidValue(field, resource, "must be a standard resource for containers")];
}

function validateAgainstLimit(
  resource: string,
  request: string | number,
  limit: string | number | undefined,
  at: string,
): FieldError[] {
  const mayOvercommit = isNative(resource) && !isHugePages(resource);
  if (limit === undefined)
    return mayOvercommit ? [] : [required(`${at}.limits`, "Limit must be set for non overcommitable resources")];
  const order = compareQuantities(parseQuantity(request), parseQuantity(limit));
  if (order !== 0 && !mayOvercommit)
    return [invalidValue(`${at}.requests`, String(request), `must be equal to ${resource} limit of ${String(limit)}`)];
  return order > 0
    ? [invalidValue(`${at}.requests`, String(request), `must be less than or equal to ${resource} limit of ${String(limit)}`)]
    : [];
}

function isHugePages(resource: string): boolean {
  return resource.startsWith("hugepages-");
}

function isNative(resource: string): boolean {
  return !resource.includes("/") || resource.includes("kubernetes.io/");
}

function isExtended(resource: string): boolean {
  return !isNative(resource) && !resource.startsWith("requests.") && labelKeyErrors(`requests.${resource}`).length === 0;
}
