import type { ResourceDefinition } from "../definition.ts";
import type { Service, ServicePort, ServiceSpec } from "../generated/types.ts";
import { validateDns1035Label } from "../name-validation.ts";
import { services } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";
import { keepAllocated, validateServiceStatus, validateServiceUpdate, withFirstAddress } from "./service-update.ts";
import { isExternallyAccessible, validateService } from "./service-validation.ts";
import { serviceWarnings } from "./service-warnings.ts";

const specOf = (service: Service): ServiceSpec => service.spec ?? {};

export const serviceDefinition: ResourceDefinition<Service> = {
  type: services,
  singular: "service",
  shortNames: ["svc"],
  categories: ["all"],
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.Service" }],
  hasStatus: true,
  answersDeleted: true,
  validateName: validateDns1035Label,
  withDefaults: (service) => ({ ...defaultBalancer(service), spec: defaultSpec(specOf(service)) }),
  prepareForCreate: (service) => ({
    ...service,
    spec: withFirstAddress(specOf(service)),
    status: { loadBalancer: {} },
  }),
  prepareForUpdate: (next, old, subresource) =>
    subresource === "status" ? next : { ...next, spec: keepAllocated(specOf(next), specOf(old)) },
  validate: validateService,
  validateUpdate: (next, old, subresource) =>
    subresource === "status" ? validateServiceStatus(next) : validateServiceUpdate(specOf(next), specOf(old)),
  warnings: (service, old) => [
    ...(old === undefined
      ? ["spec: Services are stored but not served yet: no cluster IP is allocated and no traffic is forwarded"]
      : []),
    ...serviceWarnings(service),
  ],
  selectableFields: (service) => ({ "spec.clusterIP": specOf(service).clusterIP ?? "", "spec.type": specOf(service).type ?? "" }),
  tableColumns: [
    column("Type", "How it is exposed."),
    column("Cluster-IP", "Its address inside the cluster."),
    column("External-IP", "Its addresses for the outside."),
    column("Port(s)", "Its ports, with the nodes' ports behind a colon."),
    ageColumn,
    column("Selector", "Selects the pods behind it.", { priority: 1 }),
  ],
  tableRow: (service, now) => {
    const spec = specOf(service);
    return [
      spec.type ?? "",
      spec.clusterIP === undefined || spec.clusterIP === "" ? "<none>" : spec.clusterIP,
      externalIp(service),
      (spec.ports ?? []).map(portText).join(",") || "<none>",
      age(service.metadata.creationTimestamp, now),
      Object.entries(spec.selector ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .join(",") || "<none>",
    ];
  },
};

const defaultAffinitySeconds = 10_800;

function defaultSpec(spec: ServiceSpec): ServiceSpec {
  const type = spec.type || "ClusterIP";
  const { sessionAffinityConfig: given, ...rest } = spec;
  const sessionAffinity = spec.sessionAffinity || "None";
  const affinity =
    given?.clientIP?.timeoutSeconds === undefined ? { clientIP: { timeoutSeconds: defaultAffinitySeconds } } : given;
  return {
    ...rest,
    type,
    sessionAffinity,
    ...(sessionAffinity === "ClientIP" && { sessionAffinityConfig: affinity }),
    ...(spec.ports && {
      ports: spec.ports.map((port) => ({ ...port, protocol: port.protocol || "TCP", targetPort: port.targetPort || port.port })),
    }),
    ...(["ClusterIP", "NodePort", "LoadBalancer"].includes(type) && {
      internalTrafficPolicy: spec.internalTrafficPolicy ?? "Cluster",
    }),
    ...(isExternallyAccessible({ ...spec, type }) && { externalTrafficPolicy: spec.externalTrafficPolicy || "Cluster" }),
    ...(type === "LoadBalancer" && { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }),
  };
}

/** An address that a balancer got is one that traffic arrives at. */
function defaultBalancer(service: Service): Service {
  const ingress = service.status?.loadBalancer?.ingress;
  if (specOf(service).type !== "LoadBalancer" || ingress === undefined) return service;
  const withMode = ingress.map((entry) => (entry.ip ? { ...entry, ipMode: entry.ipMode ?? "VIP" } : entry));
  return { ...service, status: { ...service.status, loadBalancer: { ingress: withMode } } };
}

function portText(port: ServicePort): string {
  const nodePort = port.nodePort === undefined || port.nodePort === 0 ? "" : `:${port.nodePort}`;
  return `${port.port}${nodePort}/${port.protocol ?? "TCP"}`;
}

function externalIp(service: Service): string {
  const spec = specOf(service);
  if (spec.type === "ExternalName") return spec.externalName ?? "";
  const ingress = (service.status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip ?? entry.hostname ?? "");
  const addresses = [...ingress, ...(spec.externalIPs ?? [])];
  if (addresses.length > 0) return addresses.join(",");
  return spec.type === "LoadBalancer" ? "<pending>" : "<none>";
}
