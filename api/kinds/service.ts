import type { ResourceDefinition } from "../definition.ts";
import type { Service, ServicePort, ServiceSpec } from "../generated/types.ts";
import { validateDns1035Label } from "../name-validation.ts";
import { services } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";
import { isExternallyAccessible, validateService } from "./service-validation.ts";

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
  withDefaults: (service) => ({ ...service, spec: defaultSpec(specOf(service)) }),
  prepareForCreate: (service) => ({ ...service, status: { loadBalancer: {} } }),
  validate: validateService,
  warnings: (_service, old) =>
    old === undefined
      ? ["spec: Services are stored but not served yet: no cluster IP is allocated and no traffic is forwarded"]
      : [],
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
    ...(spec.clusterIP && { clusterIPs: spec.clusterIPs ?? [spec.clusterIP] }),
    ...(spec.ports && {
      ports: spec.ports.map((port) => ({ ...port, protocol: port.protocol || "TCP", targetPort: port.targetPort || port.port })),
    }),
    ...(type !== "ExternalName" && { internalTrafficPolicy: spec.internalTrafficPolicy ?? "Cluster" }),
    ...(isExternallyAccessible({ ...spec, type }) && { externalTrafficPolicy: spec.externalTrafficPolicy || "Cluster" }),
    ...(type === "LoadBalancer" && { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }),
  };
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
