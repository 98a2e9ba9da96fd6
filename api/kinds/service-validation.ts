import { duplicate, forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { ipAddress, named, notSpecialAddress, oneOf, portNumber } from "../field-rules.ts";
import type { Service, ServicePort, ServiceSpec } from "../generated/types.ts";
import { dnsLabelErrors, labelKeyErrors, subdomainErrors } from "../label-validation.ts";
import { validateLabels } from "../metadata-validation.ts";
import { validatePort } from "./probe-validation.ts";

const longestAffinitySeconds = 86_400;

/** The rules of a Service (upstream: pkg/apis/core/validation, ValidateService). */
export function validateService(service: Service): FieldError[] {
  const spec = service.spec ?? {};
  const ports = spec.ports ?? [];
  const isHeadless = spec.clusterIP === "None";
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless && spec.type !== "ExternalName") errors.push(required("spec.ports"));
  if (isHeadless && (spec.type === "LoadBalancer" || spec.type === "NodePort"))
    errors.push(invalidValue("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${spec.type} services`));
  if (spec.type === "ExternalName") errors.push(...validateExternalName(spec));
  errors.push(...validatePorts(ports));
  errors.push(...validateLabels(spec.selector, "spec.selector"));
  errors.push(...oneOf("spec.sessionAffinity", spec.sessionAffinity, ["ClientIP", "None"]), ...validateAffinity(spec));
  errors.push(...validateAddresses(spec));
  errors.push(...oneOf("spec.type", spec.type, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]));
  if (spec.type === "ClusterIP") {
    ports.forEach(({ nodePort }, index) => {
      if (nodePort !== undefined && nodePort !== 0)
        errors.push(forbidden(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
    });
  }
  return [...errors, ...validatePolicies(spec)];
}

/** Whether traffic from outside the cluster can arrive. */
export function isExternallyAccessible({ type, externalIPs = [] }: ServiceSpec): boolean {
  return type === "LoadBalancer" || type === "NodePort" || (type === "ClusterIP" && externalIPs.length > 0);
}

function validateExternalName(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const)
    if (spec[field] !== undefined && spec[field].length > 0)
      errors.push(forbidden(`spec.${field}`, "may not be set for ExternalName services"));
  const name = (spec.externalName ?? "").replace(/\.$/, "");
  return [...errors, ...(name === "" ? [required("spec.externalName")] : named("spec.externalName", name, subdomainErrors))];
}

function validatePorts(ports: readonly ServicePort[]): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  ports.forEach((port, index) => {
    const field = `spec.ports[${index}]`;
    if (!port.name) {
      if (ports.length > 1) errors.push(required(`${field}.name`));
    } else {
      errors.push(...named(`${field}.name`, port.name, dnsLabelErrors));
      if (names.has(port.name)) errors.push(duplicate(`${field}.name`, port.name));
      names.add(port.name);
    }
    errors.push(...portNumber(`${field}.port`, port.port), ...oneOf(`${field}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]));
    errors.push(...validatePort(port.targetPort ?? 0, `${field}.targetPort`));
    if (port.appProtocol !== undefined) errors.push(...named(`${field}.appProtocol`, port.appProtocol, labelKeyErrors));
  });
  const twice = (of: (port: ServicePort) => string | undefined, index: number): boolean => {
    const id = ports[index] && of(ports[index]);
    return id !== undefined && ports.findIndex((port) => of(port) === id) < index;
  };
  ports.forEach(({ nodePort, protocol, port }, index) => {
    if (twice((other) => (other.nodePort ? `${other.protocol ?? ""}/${other.nodePort}` : undefined), index))
      errors.push(duplicate(`spec.ports[${index}].nodePort`, nodePort));
    if (twice((other) => `${other.protocol ?? ""}/${other.port}`, index))
      errors.push(duplicate(`spec.ports[${index}]`, { protocol, port }));
  });
  return errors;
}

function validateAffinity({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): FieldError[] {
  if (sessionAffinity === "None" && config !== undefined)
    return [forbidden("spec.sessionAffinityConfig", "must not be set when session affinity is None")];
  if (sessionAffinity !== "ClientIP") return [];
  const seconds = config?.clientIP?.timeoutSeconds ?? 0;
  if (seconds > 0 && seconds <= longestAffinitySeconds) return [];
  const detail = `must be greater than 0 and less than ${longestAffinitySeconds}`;
  return [invalidValue("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, detail)];
}

function validateAddresses(spec: ServiceSpec): FieldError[] {
  const errors = (spec.externalIPs ?? []).flatMap((address, index) => {
    const field = `spec.externalIPs[${index}]`;
    const malformed = ipAddress(field, address);
    return malformed.length > 0 ? malformed : notSpecialAddress(field, address);
  });
  if (spec.type === "ExternalName") return errors;
  const { clusterIP = "", clusterIPs = [] } = spec;
  if (clusterIP !== "" && clusterIPs.length > 0 && clusterIPs[0] !== clusterIP)
    errors.push(invalidValue("spec.clusterIPs", clusterIPs, "first value must match `clusterIP`"));
  clusterIPs.forEach((address, index) => {
    if (index > 0 || address !== "None") errors.push(...ipAddress(`spec.clusterIPs[${index}]`, address));
  });
  if (clusterIPs.length > 2) errors.push(invalidValue("spec.clusterIPs", clusterIPs, "may only hold up to 2 values"));
  (spec.ipFamilies ?? []).forEach((family, index) => {
    if (family !== "IPv4" && family !== "IPv6") errors.push(notSupported(`spec.ipFamilies[${index}]`, family, ["IPv4", "IPv6"]));
    if ((spec.ipFamilies ?? []).indexOf(family) < index) errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
  });
  const policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
  if (spec.ipFamilyPolicy !== undefined && !policies.includes(spec.ipFamilyPolicy))
    errors.push(notSupported("spec.ipFamilyPolicy", spec.ipFamilyPolicy, policies));
  return errors;
}

function validatePolicies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const isExternal = isExternallyAccessible(spec);
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, trafficDistribution: distribution } = spec;
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== "LoadBalancer")
    errors.push(forbidden("spec.allocateLoadBalancerNodePorts", "may only be used when `type` is 'LoadBalancer'"));
  if ((spec.loadBalancerSourceRanges ?? []).length > 0 && spec.type !== "LoadBalancer")
    errors.push(forbidden("spec.LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'"));
  if (isExternal) errors.push(...oneOf("spec.externalTrafficPolicy", external, ["Cluster", "Local"]));
  else if (external)
    errors.push(invalidValue("spec.externalTrafficPolicy", external, "may only be set for externally-accessible services"));
  if (internal !== undefined && internal !== "Cluster" && internal !== "Local")
    errors.push(notSupported("spec.internalTrafficPolicy", internal, ["Cluster", "Local"]));
  const distributions = ["PreferClose", "PreferSameNode", "PreferSameZone"];
  if (distribution !== undefined && !distributions.includes(distribution))
    errors.push(notSupported("spec.trafficDistribution", distribution, distributions));
  return errors;
}
