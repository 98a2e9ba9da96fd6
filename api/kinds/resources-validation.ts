import { duplicate, forbidden, invalidValue, notFoundValue, required, type FieldError } from "../field-error.ts";
import type { PodResourceClaim, ResourceClaim, ResourceRequirements } from "../generated/types.ts";
import { named } from "../field-rules.ts";
import { dnsLabelErrors, labelKeyErrors, subdomainErrors } from "../label-validation.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";

const zero = parseQuantity(0);
const standard = new Set(["cpu", "memory", "ephemeral-storage"]);
/** Known to quotas and nodes, and meaningless for one container. */
const elsewhere = new Set(["pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "storage"]);

const countedThings = new Set(["pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps"]);

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
  return [...errors, ...validateClaimNames(resources.claims ?? [], `${at}.claims`, claims)];
}

/** The claims a pod has, for its containers to name (upstream: validatePodResourceClaim). */
export function validatePodClaims(claims: readonly PodResourceClaim[], at: string): FieldError[] {
  const names = claims.map(({ name }) => name);
  return claims.flatMap((claim, index) => {
    const field = `${at}[${index}]`;
    const { name, resourceClaimName: claimName, resourceClaimTemplateName: templateName } = claim;
    const errors: FieldError[] = [];
    if (!name) errors.push(required(`${field}.name`));
    else if (names.indexOf(name) < index) errors.push(duplicate(`${field}.name`, name));
    else errors.push(...named(`${field}.name`, name, dnsLabelErrors));
    if (claimName !== undefined && templateName !== undefined) {
      const detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
      errors.push(invalidValue(field, claim, detail));
    }
    if (claimName === undefined && templateName === undefined)
      errors.push(invalidValue(field, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"));
    if (claimName !== undefined) errors.push(...named(`${field}.resourceClaimName`, claimName, subdomainErrors));
    if (templateName !== undefined) errors.push(...named(`${field}.resourceClaimTemplateName`, templateName, subdomainErrors));
    return errors;
  });
}

/** A claim may be named as a whole or by its requests, not both. */
function validateClaimNames(claims: readonly ResourceClaim[], at: string, known: ReadonlySet<string>): FieldError[] {
  const seen = new Set<string>();
  return claims.flatMap(({ name, request = "" }, index) => {
    const field = `${at}[${index}]`;
    if (!name) return [required(field)];
    const errors: FieldError[] = [];
    const key = request === "" ? name : `${name}/${request}`;
    if (seen.has(name)) errors.push(duplicate(field, name));
    else {
      if (request !== "") errors.push(...named(`${field}.request`, request, dnsLabelErrors));
      if (seen.has(key)) errors.push(duplicate(field, key));
      else if (request === "" && [...seen].some((other) => other.startsWith(`${name}/`))) errors.push(duplicate(field, name));
      seen.add(key);
    }
    if (known.has(name)) return errors;
    const choices = known.size === 0 ? " which is empty" : `: ${[...known].sort().join(", ")}`;
    return [...errors, notFoundValue(field, name, `must be one of the names in pod.spec.resourceClaims${choices}`)];
  });
}

function validateAmount(resource: string, quantity: string | number, at: string): FieldError[] {
  const field = `${at}[${resource}]`;
  const errors = validateContainerResource(resource, field);
  const amount = parseQuantity(quantity);
  if (compareQuantities(amount, zero) < 0)
    errors.push(invalidValue(field, String(quantity), "must be greater than or equal to 0"));
  if (comesInWholes(resource) && amount.nanos % 1_000_000_000n !== 0n)
    errors.push(invalidValue(field, String(quantity), "must be an integer"));
  if (isHugePages(resource) && !isWholePages(resource, amount.nanos))
    errors.push(invalidValue(field, String(quantity), `${String(quantity)} is not positive integer multiple of ${resource}`));
  return errors;
}

/** Things that are counted: half a pod is none. */
export function comesInWholes(resource: string): boolean {
  return countedThings.has(resource) || isExtended(resource);
}

function isWholePages(resource: string, nanos: bigint): boolean {
  try {
    const page = parseQuantity(resource.slice("hugepages-".length)).nanos;
    return page > 0n && nanos % page === 0n;
  } catch {
    return false;
  }
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
