import { isIP } from "node:net";
import { duplicate, forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { cidr, ipAddress, named, notSpecialAddress, oneOf, portNumber } from "../field-rules.ts";
import type { Service, ServicePort, ServiceSpec } from "../generated/types.ts";
import { dnsLabelErrors, labelKeyErrors, subdomainErrors } from "../label-validation.ts";
import { validateLabels } from "../metadata-validation.ts";
import { validatePort } from "./probe-validation.ts";

const longestAffinitySeconds = 86_400;

/** The rules of a Service (upstream: pkg/apis/core/validation, ValidateService). */
export function validateService(service: Service): FieldError[] {
  const spec = service.spec ?? {};
  const ports = spec.ports ?? [];
  const isHeadless = isHeadlessService(spec);
  const errors = validateTopologyAnnotations(service.metadata.annotations ?? {});
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
  return [...errors, ...validateSourceRanges(service), ...validateLoadBalancerClass(spec), ...validatePolicies(spec)];
}

/** Without an address of its own: clients find the pods behind it. */
export function isHeadlessService({ clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 1 && clusterIPs[0] === "None";
}

/** Whether a balancer outside must ask which nodes have a pod behind the Service. */
export function needsHealthCheck({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === "LoadBalancer" && externalTrafficPolicy === "Local";
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
  const field = "spec.sessionAffinityConfig";
  if (sessionAffinity === "None" && config !== undefined)
    return [forbidden(field, "must not be set when session affinity is None")];
  if (sessionAffinity !== "ClientIP") return [];
  const seconds = config?.clientIP?.timeoutSeconds ?? 0;
  if (seconds > 0 && seconds <= longestAffinitySeconds) return [];
  const detail = `must be greater than 0 and less than ${longestAffinitySeconds}`;
  return [invalidValue(`${field}.clientIP.timeoutSeconds`, seconds, detail)];
}

const hints = "service.kubernetes.io/topology-aware-hints";
const mode = "service.kubernetes.io/topology-mode";
const ranges = "service.beta.kubernetes.io/load-balancer-source-ranges";

function validateTopologyAnnotations(annotations: Readonly<Record<string, string>>): FieldError[] {
  const value = annotations[mode];
  if (value === undefined || annotations[hints] === undefined || value === annotations[hints]) return [];
  return [invalidValue(`metadata.annotations[${mode}]`, value, `must match annotations[${hints}] when both are specified`)];
}

/** In the field or, before there was one, in an annotation; with spaces around them, as the annotation always had them. */
function validateSourceRanges({ metadata, spec = {} }: Service): FieldError[] {
  const onlyBalanced = "may only be used when `type` is 'LoadBalancer'";
  const { loadBalancerSourceRanges: listed = [], type } = spec;
  const field = listed.length > 0 ? "spec.LoadBalancerSourceRanges" : `metadata.annotations[${ranges}]`;
  const annotation = metadata.annotations?.[ranges];
  if (listed.length === 0 && annotation === undefined) return [];
  const errors = type === "LoadBalancer" ? [] : [forbidden(field, onlyBalanced)];
  if (listed.length > 0) return [...errors, ...listed.flatMap((range, index) => cidr(`${field}[${index}]`, range.trim()))];
  const text = (annotation ?? "").trim();
  return [...errors, ...(text === "" ? [] : text.split(",").flatMap((range) => cidr(field, range.trim())))];
}

function validateLoadBalancerClass({ type, loadBalancerClass }: ServiceSpec): FieldError[] {
  const field = "spec.loadBalancerClass";
  if (loadBalancerClass === undefined) return [];
  if (type === "LoadBalancer") return named(field, loadBalancerClass, labelKeyErrors);
  return [forbidden(field, "may only be used when `type` is 'LoadBalancer'")];
}

function validateAddresses(spec: ServiceSpec): FieldError[] {
  const errors = (spec.externalIPs ?? []).flatMap((address, index) => {
    const field = `spec.externalIPs[${index}]`;
    const malformed = ipAddress(field, address);
    return malformed.length > 0 ? malformed : notSpecialAddress(field, address);
  });
  if (spec.type === "ExternalName") return errors;
  return [...errors, ...validateClusterAddresses(spec)];
}

/** Upstream: ValidateServiceClusterIPsRelatedFields. */
function validateClusterAddresses(spec: ServiceSpec): FieldError[] {
  const { clusterIP = "", clusterIPs = [], ipFamilies = [] } = spec;
  const at = "spec.clusterIPs";
  const errors: FieldError[] = [];
  if (clusterIP === "" && clusterIPs.length > 0)
    errors.push(invalidValue(at, clusterIPs, "must be empty when `clusterIP` is not specified"));
  if (clusterIP !== "" && clusterIPs.length === 0) errors.push(required(at));
  else if (clusterIP !== "" && clusterIPs[0] !== clusterIP)
    errors.push(invalidValue(at, clusterIPs, "first value must match `clusterIP`"));
  ipFamilies.forEach((family, index) => {
    if (family !== "IPv4" && family !== "IPv6") errors.push(notSupported(`spec.ipFamilies[${index}]`, family, ["IPv4", "IPv6"]));
    if (ipFamilies.indexOf(family) < index) errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
  });
  const policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
  if (spec.ipFamilyPolicy !== undefined && !policies.includes(spec.ipFamilyPolicy))
    errors.push(notSupported("spec.ipFamilyPolicy", spec.ipFamilyPolicy, policies));
  const malformed = clusterIPs.flatMap((address, index) => {
    if (index > 0 || address !== "None") return ipAddress(`${at}[${index}]`, address);
    return clusterIPs.length > 1 ? [invalidValue(at, clusterIPs, "'None' must be the first and only value")] : [];
  });
  errors.push(...malformed);
  if (clusterIPs.length > 2) errors.push(invalidValue(at, clusterIPs, "may only hold up to 2 values"));
  if (malformed.length > 0) return errors;
  if (clusterIPs.length > 1 && new Set(clusterIPs.map((address) => isIP(address))).size < 2)
    errors.push(invalidValue(at, clusterIPs, "may specify no more than one IP for each IP family"));
  if (isHeadlessService(spec)) return errors;
  clusterIPs.slice(0, ipFamilies.length).forEach((address, index) => {
    const family = ipFamilies[index] ?? "";
    if ((family === "IPv4" && isIP(address) === 6) || (family === "IPv6" && isIP(address) === 4)) {
      const detail = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``;
      errors.push(invalidValue(`${at}[${index}]`, address, detail));
    }
  });
  return errors;
}

function validatePolicies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const isExternal = isExternallyAccessible(spec);
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, trafficDistribution: distribution } = spec;
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== "LoadBalancer")
    errors.push(forbidden("spec.allocateLoadBalancerNodePorts", "may only be used when `type` is 'LoadBalancer'"));
  if (isExternal) errors.push(...oneOf("spec.externalTrafficPolicy", external, ["Cluster", "Local"]));
  else if (external)
    errors.push(invalidValue("spec.externalTrafficPolicy", external, "may only be set for externally-accessible services"));
  const { healthCheckNodePort = 0 } = spec;
  if (healthCheckNodePort !== 0 && !needsHealthCheck(spec)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalidValue("spec.healthCheckNodePort", healthCheckNodePort, detail));
  } else if (healthCheckNodePort !== 0) errors.push(...portNumber("spec.healthCheckNodePort", healthCheckNodePort));
  if (internal !== undefined && internal !== "Cluster" && internal !== "Local")
    errors.push(notSupported("spec.internalTrafficPolicy", internal, ["Cluster", "Local"]));
  const distributions = ["PreferClose", "PreferSameNode", "PreferSameZone"];
  if (distribution !== undefined && !distributions.includes(distribution))
    errors.push(notSupported("spec.trafficDistribution", distribution, distributions));
  return errors;
}
