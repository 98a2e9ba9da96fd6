import type { ResourceDefinition } from "../definition.ts";
import { duplicate, invalidValue, required, type FieldError } from "../field-error.ts";
import { named, oneOf, portNumber } from "../field-rules.ts";
import type { Service, ServicePort, ServiceSpec } from "../generated/types.ts";
import { dnsLabelErrors } from "../label-validation.ts";
import { validateDns1035Label, validatePortName } from "../name-validation.ts";
import { services } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";

const specOf = (service: Service): ServiceSpec => service.spec ?? {};

export const serviceDefinition: ResourceDefinition<Service> = {
  type: services,
  singular: "service",
  shortNames: ["svc"],
  categories: ["all"],
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.Service" }],
  hasStatus: true,
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

function defaultSpec(spec: ServiceSpec): ServiceSpec {
  const type = spec.type ?? "ClusterIP";
  return {
    ...spec,
    type,
    sessionAffinity: spec.sessionAffinity ?? "None",
    ...(spec.ports && {
      ports: spec.ports.map((port) => ({ ...port, protocol: port.protocol ?? "TCP", targetPort: port.targetPort ?? port.port })),
    }),
    ...(type !== "ExternalName" && { internalTrafficPolicy: spec.internalTrafficPolicy ?? "Cluster" }),
    ...((type === "NodePort" || type === "LoadBalancer") && { externalTrafficPolicy: spec.externalTrafficPolicy ?? "Cluster" }),
    ...(type === "LoadBalancer" && { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }),
  };
}

function validateService(service: Service): FieldError[] {
  const spec = specOf(service);
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [
    ...oneOf("spec.type", spec.type, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]),
    ...oneOf("spec.sessionAffinity", spec.sessionAffinity, ["ClientIP", "None"]),
  ];
  if (ports.length === 0 && spec.clusterIP !== "None" && spec.type !== "ExternalName") errors.push(required("spec.ports"));
  if (spec.type === "ExternalName" && !spec.externalName) errors.push(required("spec.externalName"));
  const seen = new Set<string>();
  ports.forEach((port, index) => {
    const field = `spec.ports[${index}]`;
    if (ports.length > 1 && !port.name) errors.push(required(`${field}.name`));
    else if (port.name) errors.push(...named(`${field}.name`, port.name, dnsLabelErrors));
    if (port.name && seen.has(port.name)) errors.push(duplicate(`${field}.name`, port.name));
    seen.add(port.name ?? "");
    errors.push(...portNumber(`${field}.port`, port.port), ...oneOf(`${field}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]));
    if (typeof port.targetPort === "number") errors.push(...portNumber(`${field}.targetPort`, port.targetPort));
    else if (port.targetPort !== undefined) errors.push(...named(`${field}.targetPort`, port.targetPort, validatePortName));
    if (port.nodePort !== undefined && port.nodePort !== 0 && spec.type === "ClusterIP") {
      errors.push(invalidValue(`${field}.nodePort`, port.nodePort, "may not be used when `type` is 'ClusterIP'"));
    }
  });
  return errors;
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
