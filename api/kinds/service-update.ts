import { isIP } from "node:net";
import { forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { ipAddress, named } from "../field-rules.ts";
import type { Service, ServicePort, ServiceSpec } from "../generated/types.ts";
import { subdomainErrors } from "../label-validation.ts";
import { isHeadlessService, needsHealthCheck } from "./service-validation.ts";

const hasAddress = ({ type }: ServiceSpec): boolean => type !== "ExternalName";
const hasNodePorts = ({ type }: ServiceSpec): boolean => type === "NodePort" || type === "LoadBalancer";

/** Who says one address means the first of the list (upstream: normalizeClusterIPs in pkg/registry/core/service). */
export function withFirstAddress(spec: ServiceSpec): ServiceSpec {
  if (!spec.clusterIP || (spec.clusterIPs ?? []).length > 0) return spec;
  return { ...spec, clusterIPs: [spec.clusterIP] };
}

/**
 * A manifest names neither addresses nor the nodes' ports that the Service got: what it leaves out it keeps, and what its type no
 * longer has it loses (upstream: patchAllocatedValues, normalizeClusterIPs, dropTypeDependentFields).
 */
export function keepAllocated(next: ServiceSpec, old: ServiceSpec): ServiceSpec {
  return withoutOtherTypes(keepPorts(withSameAddresses(keepAddresses(next, old), old), old), old);
}

function keepAddresses(next: ServiceSpec, old: ServiceSpec): ServiceSpec {
  if (!hasAddress(next) || !hasAddress(old) || next.clusterIP || !old.clusterIP) return next;
  // Saying neither keeps both; an emptied list is an attempt to let the address go.
  if (next.clusterIP === "" && next.clusterIPs !== undefined) return next;
  const { clusterIP, clusterIPs = [clusterIP] } = old;
  return (next.clusterIPs ?? []).length > 0 ? { ...next, clusterIP } : { ...next, clusterIP, clusterIPs };
}

/** Who changes one of the two forms of the first address means both. */
function withSameAddresses(next: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const { clusterIP = "", clusterIPs = [] } = next;
  const before = old.clusterIPs ?? [];
  const isChanged = clusterIP !== (old.clusterIP ?? "");
  const listIsSame = clusterIPs.length === before.length && clusterIPs.every((address, index) => address === before[index]);
  if (!isChanged || !listIsSame) return withFirstAddress(next);
  if (clusterIP === "") {
    const { clusterIPs: _, ...rest } = next;
    return rest;
  }
  return { ...next, clusterIPs: [clusterIP, ...clusterIPs.slice(1)] };
}

function keepPorts(next: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const { ports } = next;
  const healthCheck = old.healthCheckNodePort;
  const kept =
    needsHealthCheck(next) && needsHealthCheck(old) && !next.healthCheckNodePort && healthCheck
      ? { ...next, healthCheckNodePort: healthCheck }
      : next;
  if (!hasNodePorts(next) || !hasNodePorts(old) || ports === undefined) return kept;
  const taken = new Set(ports.map(portId));
  return {
    ...kept,
    ports: ports.map((port) => {
      if (port.nodePort) return port;
      const same = old.ports?.find((other) => other.port === port.port && other.protocol === port.protocol);
      if (!same?.nodePort || taken.has(portId(same))) return port;
      taken.add(portId(same));
      return { ...port, nodePort: same.nodePort };
    }),
  };
}

function portId({ protocol, nodePort }: ServicePort): string {
  return `${protocol ?? ""}/${nodePort ?? 0}`;
}

/** What a Service had of its former type goes when its client does not ask for it anew. */
function withoutOtherTypes(next: ServiceSpec, old: ServiceSpec): ServiceSpec {
  if (next.type === old.type) return next;
  const gone = new Set<keyof ServiceSpec>();
  const dropSame = (field: keyof ServiceSpec): void => {
    if (JSON.stringify(next[field]) === JSON.stringify(old[field])) gone.add(field);
  };
  if (hasAddress(old) && !hasAddress(next) && (next.clusterIP ?? "") === (old.clusterIP ?? ""))
    for (const field of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const) dropSame(field);
  if (old.type === "ExternalName") dropSame("externalName");
  if (needsHealthCheck(old) && !needsHealthCheck(next)) dropSame("healthCheckNodePort");
  if (old.type === "LoadBalancer") {
    dropSame("allocateLoadBalancerNodePorts");
    dropSame("loadBalancerClass");
  }
  const isOutside = hasNodePorts(next) || (next.type === "ClusterIP" && (next.externalIPs ?? []).length > 0);
  if (!isOutside) dropSame("externalTrafficPolicy");
  const rest = Object.fromEntries(Object.entries(next).filter(([field]) => !gone.has(field as keyof ServiceSpec)));
  const sameNodePorts = (next.ports ?? []).every(
    ({ nodePort }, index) => (nodePort ?? 0) === (old.ports?.[index]?.nodePort ?? 0),
  );
  if (!hasNodePorts(old) || hasNodePorts(next) || !sameNodePorts || next.ports === undefined) return rest;
  return { ...rest, ports: next.ports.map(({ nodePort: _, ...port }) => port) };
}

/** What a Service keeps for its life (upstream: ValidateServiceUpdate). */
export function validateServiceUpdate(next: ServiceSpec, old: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (hasAddress(next) && hasAddress(old)) errors.push(...validateAddresses(next, old), ...validateFamilies(next, old));
  if (next.type === "LoadBalancer" && old.type === "LoadBalancer" && next.loadBalancerClass !== old.loadBalancerClass)
    errors.push(invalidValue("spec.loadBalancerClass", next.loadBalancerClass, "may not change once set"));
  if (needsHealthCheck(next) && needsHealthCheck(old) && (next.healthCheckNodePort ?? 0) !== (old.healthCheckNodePort ?? 0))
    errors.push(forbidden("spec.healthCheckNodePort", "field is immutable"));
  return errors;
}

const fixed = "may not change once set";

function validateAddresses(next: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (isHeadlessService(next) && isHeadlessService(old)) return [];
  const before = old.clusterIPs ?? [];
  const after = next.clusterIPs ?? [];
  const errors: FieldError[] = [];
  before.slice(0, before.length === after.length ? before.length : 1).forEach((address, index) => {
    if (after.length > 0 && after[index] !== address) errors.push(invalidValue(`spec.clusterIPs[${index}]`, after, fixed));
  });
  if (after.length >= before.length) return errors;
  if (after.length === 0) errors.push(invalidValue("spec.clusterIPs[0]", after, "primary clusterIP can not be unset"));
  if (after.length === 1 && next.ipFamilyPolicy !== "SingleStack") {
    const detail = "must be set to 'SingleStack' when releasing the secondary clusterIP";
    errors.push(invalidValue("spec.ipFamilyPolicy", next.ipFamilyPolicy, detail));
  }
  return errors;
}

function validateFamilies(next: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (isHeadlessService(next) || isHeadlessService(old)) return [];
  const before = old.ipFamilies ?? [];
  const after = next.ipFamilies ?? [];
  const at = "spec.ipFamilies[0]";
  if (before.length === after.length)
    return before.flatMap((family, index) => (family === after[index] ? [] : [invalidValue(at, after, fixed)]));
  const errors: FieldError[] = [];
  if (before.length > 0 && after.length > 0 && before[0] !== after[0])
    errors.push(invalidValue(at, next.clusterIPs ?? [], fixed));
  if (before.length < after.length) return errors;
  if ((next.clusterIPs ?? []).length === 0) errors.push(invalidValue(at, after, "primary ipFamily can not be unset"));
  if (after.length === 1 && next.ipFamilyPolicy !== "SingleStack") {
    const detail = "must be set to 'SingleStack' when releasing the secondary ipFamily";
    errors.push(invalidValue("spec.ipFamilyPolicy", next.ipFamilyPolicy, detail));
  }
  return errors;
}

/** Upstream: ValidateLoadBalancerStatus. */
export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const at = "status.loadBalancer.ingress";
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (spec?.type !== "LoadBalancer" && ingress.length > 0)
    return [forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'")];
  return ingress.flatMap(({ ip = "", hostname = "", ipMode }, index) => {
    const field = `${at}[${index}]`;
    const errors = ip === "" ? [] : ipAddress(`${field}.ip`, ip);
    if (ipMode === undefined && ip !== "") errors.push(required(`${field}.ipMode`, "must be specified when `ip` is set"));
    if (ipMode !== undefined && ip === "") errors.push(forbidden(`${field}.ipMode`, "may not be specified when `ip` is not set"));
    else if (ipMode !== undefined && ipMode !== "VIP" && ipMode !== "Proxy")
      errors.push(notSupported(`${field}.ipMode`, ipMode, ["Proxy", "VIP"]));
    if (hostname !== "") errors.push(...named(`${field}.hostname`, hostname, subdomainErrors));
    if (isIP(hostname) !== 0) errors.push(invalidValue(`${field}.hostname`, hostname, "must be a DNS name, not an IP address"));
    return errors;
  });
}
