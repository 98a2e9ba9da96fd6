import type {
  ConfigMap,
  Deployment,
  LimitRange,
  Namespace,
  Pod,
  ReplicaSet,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
} from "#api/generated/types";
import { compileLabelSelector, formatLabelSelector } from "#api/label-selector";
import type { KubeObject, Stored } from "#api/object";
import type { CommandContext } from "../command.ts";
import { listObjects, type ServerObject } from "../objects/requests.ts";
import { replicaSetsOf } from "../rollout/revisions.ts";
import { containersText } from "./containers.ts";
import { nodeText } from "./node.ts";
import { podTemplateText, tolerationsText } from "./pod-template.ts";
import { Section } from "./section.ts";
import { longTime } from "./times.ts";
import { volumesText } from "./volumes.ts";

/** The description of an object without its events, with tabs between columns. */
export type Describer = (object: ServerObject, context: CommandContext) => Promise<string> | string;

/** Kinds with a description of their own, as `Kind` or `Kind.group`. */
export const describers: Readonly<Record<string, Describer>> = {
  Pod: (object) => podText(object),
  Node: (object, context) => nodeText(object, context),
  Namespace: (object, context) => namespaceText(object, context),
  ConfigMap: (object) => configMapText(object),
  Secret: (object) => secretText(object),
  ServiceAccount: (object, context) => serviceAccountText(object, context),
  Service: (object, context) => serviceText(object, context),
  "Deployment.apps": (object, context) => deploymentText(object, context),
  "ReplicaSet.apps": (object, context) => replicaSetText(object, context),
};

function head({ metadata }: Stored<KubeObject>, { inNamespace = true } = {}): Section {
  const section = new Section().field(0, "Name", metadata.name);
  return inNamespace ? section.field(0, "Namespace", metadata.namespace ?? "") : section;
}

function labelled(section: Section, { metadata }: KubeObject): Section {
  return section.map(0, "Labels", metadata.labels).annotations(0, metadata.annotations);
}

function controlledBy(section: Section, { metadata }: KubeObject): Section {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return owner === undefined ? section : section.field(0, "Controlled By", `${owner.kind}/${owner.name}`);
}

function podText(pod: Stored<Pod>): string {
  const { spec, status } = pod;
  const section = head(pod);
  if (spec?.priority !== undefined) section.field(0, "Priority", spec.priority);
  if ((spec?.priorityClassName ?? "") !== "") section.field(0, "Priority Class Name", spec?.priorityClassName ?? "");
  if ((spec?.runtimeClassName ?? "") !== "") section.field(0, "Runtime Class Name", spec?.runtimeClassName ?? "");
  if ((spec?.serviceAccountName ?? "") !== "") section.field(0, "Service Account", spec?.serviceAccountName ?? "");
  const node = spec?.nodeName ?? "";
  section.field(0, "Node", node === "" ? "<none>" : `${node}/${status?.hostIP ?? ""}`);
  if (status?.startTime !== undefined) section.field(0, "Start Time", longTime(status.startTime));
  labelled(section, pod);
  if (pod.metadata.deletionTimestamp === undefined) section.field(0, "Status", status?.phase ?? "");
  else {
    section.field(0, "Status", `Terminating (lasts <unknown>)`);
    section.field(0, "Termination Grace Period", `${pod.metadata.deletionGracePeriodSeconds ?? 0}s`);
  }
  if ((status?.reason ?? "") !== "") section.field(0, "Reason", status?.reason ?? "");
  if ((status?.message ?? "") !== "") section.field(0, "Message", status?.message ?? "");
  section.field(0, "IP", status?.podIP ?? "");
  const ips = status?.podIPs ?? [];
  if (ips.length === 0) section.field(0, "IPs", "<none>");
  else {
    section.line(0, "IPs:");
    for (const { ip } of ips) section.field(1, "IP", ip);
  }
  controlledBy(section, pod);
  if ((status?.nominatedNodeName ?? "") !== "") section.field(0, "NominatedNodeName", status?.nominatedNodeName ?? "");
  section.add(containersText("Init Containers", spec?.initContainers, status?.initContainerStatuses, 0, pod));
  section.add(containersText("Containers", spec?.containers, status?.containerStatuses, 0, pod));
  section.add(containersText("Ephemeral Containers", ephemeralOf(pod), status?.ephemeralContainerStatuses, 0, pod));
  if ((status?.conditions ?? []).length > 0) {
    section.line(0, "Conditions:").line(1, "Type\tStatus");
    for (const { type, status: value } of status?.conditions ?? []) section.line(1, `${type} \t${value} `);
  }
  section.add(volumesText(spec?.volumes, 0));
  section.field(0, "QoS Class", status?.qosClass ?? "BestEffort").map(0, "Node-Selectors", spec?.nodeSelector);
  section.add(tolerationsText(spec?.tolerations, 0));
  for (const constraint of spec?.topologySpreadConstraints ?? []) {
    const { topologyKey, whenUnsatisfiable, maxSkew, labelSelector } = constraint;
    const selector =
      labelSelector === undefined ? "" : ` for selector ${formatLabelSelector(compileLabelSelector(labelSelector))}`;
    section.field(
      0,
      "Topology Spread Constraints",
      `${topologyKey}:${whenUnsatisfiable} when max skew ${maxSkew} is exceeded${selector}`,
    );
  }
  return section.text;
}

function ephemeralOf({ spec }: Pod): Parameters<typeof containersText>[1] {
  return spec?.ephemeralContainers;
}

async function namespaceText(namespace: Stored<Namespace>, context: CommandContext): Promise<string> {
  const section = labelled(head(namespace, { inNamespace: false }), namespace).field(0, "Status", namespace.status?.phase ?? "");
  const conditions = namespace.status?.conditions ?? [];
  if (conditions.length > 0) {
    section.line(0, "Conditions:").line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
    section.line(1, "----\t------\t------------------\t------\t-------");
    for (const { type, status, lastTransitionTime, reason = "", message = "" } of conditions) {
      section.line(1, `${type}\t${status}\t${longTime(lastTransitionTime)}\t${reason}\t${message}`);
    }
  }
  return section.add(await quotasText(context, namespace.metadata.name)).text;
}

/** What a namespace may use, where the server knows of such things. */
async function quotasText({ session, signal }: CommandContext, namespace: string): Promise<string> {
  const mapper = await session.mapper();
  const section = new Section();
  const quotas = mapper.search("resourcequotas");
  if (quotas !== undefined) {
    const { items } = await listObjects(session.client, { resource: quotas, namespace }, { signal });
    if (items.length === 0) section.add("\nNo resource quota.\n");
    else section.add("\nResource Quotas\n");
    for (const { metadata, status } of items as unknown as readonly Stored<ResourceQuota>[]) {
      section.field(1, "Name", metadata.name).line(1, "Resource\tUsed\tHard").line(1, "--------\t---\t---");
      for (const [name, hard] of sortedEntries(status?.hard as Readonly<Record<string, string>> | undefined)) {
        section.line(1, `${name}\t${status?.used?.[name] ?? 0}\t${hard}`);
      }
    }
  }
  const ranges = mapper.search("limitranges");
  if (ranges !== undefined) {
    const { items } = await listObjects(session.client, { resource: ranges, namespace }, { signal });
    section.add(items.length === 0 ? "\nNo LimitRange resource.\n" : "\nResource Limits\n");
    if (items.length > 0) {
      section.line(0, " Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio");
      section.line(0, " ----\t--------\t---\t---\t---------------\t-------------\t-----------------------");
    }
    for (const { spec } of items as unknown as readonly Stored<LimitRange>[]) {
      for (const limit of spec?.limits ?? []) {
        const lists = [limit.min, limit.max, limit.defaultRequest, limit.default, limit.maxLimitRequestRatio];
        const names = new Set(lists.flatMap((list) => Object.keys(list ?? {})));
        for (const name of [...names].sort()) {
          section.line(0, ` ${[limit.type, name, ...lists.map((list) => list?.[name] ?? "-")].join("\t")}`);
        }
      }
    }
  }
  return section.text;
}

function configMapText(configMap: Stored<ConfigMap>): string {
  const section = labelled(head(configMap), configMap).line(0, "").line(0, "Data").line(0, "====");
  for (const [key, value] of sortedEntries(configMap.data)) section.line(0, `${key}:`).line(0, "----").line(0, value).line(0, "");
  section.line(0, "").line(0, "BinaryData").line(0, "====");
  for (const [key, value] of sortedEntries(configMap.binaryData)) {
    section.line(0, `${key}: ${Buffer.from(value, "base64").length} bytes`);
  }
  return section.line(0, "").text;
}

function secretText(secret: Stored<Secret>): string {
  const section = labelled(head(secret), secret)
    .line(0, "")
    .field(0, "Type", secret.type ?? "");
  section.line(0, "").line(0, "Data").line(0, "====");
  for (const [key, value] of sortedEntries(secret.data)) {
    const bytes = Buffer.from(value, "base64");
    const isToken = key === "token" && secret.type === "kubernetes.io/service-account-token";
    section.line(0, isToken ? `${key}:\t${bytes.toString()}` : `${key}:\t${bytes.length} bytes`);
  }
  return section.text;
}

async function serviceAccountText(account: Stored<ServiceAccount>, { session, signal }: CommandContext): Promise<string> {
  const section = labelled(head(account), account);
  const secrets = (await session.mapper()).find("secrets");
  const { items } = await listObjects(
    session.client,
    { resource: secrets, namespace: account.metadata.namespace ?? "" },
    { signal },
  );
  const tokens = (items as unknown as Stored<Secret>[])
    .filter(({ type, metadata: { annotations = {} } }) => {
      const { name, uid } = account.metadata;
      const isToken = type === "kubernetes.io/service-account-token";
      return (
        isToken &&
        annotations["kubernetes.io/service-account.name"] === name &&
        annotations["kubernetes.io/service-account.uid"] === uid
      );
    })
    .map(({ metadata }) => metadata.name);
  const list = (name: string, values: readonly string[]): void => {
    if (values.length === 0) section.field(0, name, "<none>");
    values.forEach((value, index) => section.line(0, `${index === 0 ? `${name}:` : ""}\t${value}`));
  };
  list(
    "Image pull secrets",
    (account.imagePullSecrets ?? []).map(({ name = "" }) => name),
  );
  list(
    "Mountable secrets",
    (account.secrets ?? []).map(({ name = "" }) => name),
  );
  list("Tokens", tokens);
  return section.text;
}

async function serviceText(service: Stored<Service>, { session, signal }: CommandContext): Promise<string> {
  const { spec, status } = service;
  const section = labelled(head(service), service)
    .map(0, "Selector", spec?.selector)
    .field(0, "Type", spec?.type ?? "");
  if (spec?.ipFamilyPolicy !== undefined) section.field(0, "IP Family Policy", spec.ipFamilyPolicy);
  section.field(0, "IP Families", (spec?.ipFamilies ?? []).length === 0 ? "<none>" : (spec?.ipFamilies ?? []).join(","));
  section.field(0, "IP", spec?.clusterIP ?? "");
  section.field(0, "IPs", (spec?.clusterIPs ?? []).length === 0 ? "<none>" : (spec?.clusterIPs ?? []).join(","));
  if ((spec?.externalIPs ?? []).length > 0) section.field(0, "External IPs", (spec?.externalIPs ?? []).join(","));
  if ((spec?.externalName ?? "") !== "") section.field(0, "External Name", spec?.externalName ?? "");
  const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
  if (ingress.length > 0) section.field(0, "LoadBalancer Ingress", ingress.join(", "));
  const slices = (await session.mapper()).search("endpointslices.discovery.k8s.io");
  const { name, namespace = "" } = service.metadata;
  const found =
    slices === undefined
      ? []
      : (
          await listObjects(
            session.client,
            { resource: slices, namespace, labelSelector: `kubernetes.io/service-name=${name}` },
            { signal },
          )
        ).items;
  for (const { name: portName = "<unset>", port, protocol = "TCP", targetPort, nodePort } of spec?.ports ?? []) {
    section.field(0, "Port", `${portName}\t${port}/${protocol}`);
    section.field(0, "TargetPort", `${targetPort ?? 0}/${protocol}`);
    if (nodePort !== undefined && nodePort !== 0) section.field(0, "NodePort", `${portName}\t${nodePort}/${protocol}`);
    section.field(0, "Endpoints", endpointsText(found, portName === "<unset>" ? "" : portName));
  }
  section.field(0, "Session Affinity", spec?.sessionAffinity ?? "");
  if (spec?.externalTrafficPolicy !== undefined) section.field(0, "External Traffic Policy", spec.externalTrafficPolicy);
  if (spec?.internalTrafficPolicy !== undefined) section.field(0, "Internal Traffic Policy", spec.internalTrafficPolicy);
  return section.text;
}

interface EndpointSlice {
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
  readonly endpoints?:
    readonly { readonly addresses: readonly string[]; readonly conditions?: { readonly ready?: boolean } }[] | null;
}

const shownEndpoints = 3;

function endpointsText(slices: readonly ServerObject[], portName: string): string {
  const all = (slices as unknown as EndpointSlice[]).flatMap(({ ports, endpoints }) =>
    (ports ?? [])
      .filter(({ name = "" }) => name === portName)
      .flatMap(({ port }) =>
        (endpoints ?? [])
          .filter(({ conditions }) => conditions?.ready !== false)
          .flatMap(({ addresses }) => addresses.map((address) => `${address}${port === undefined ? "" : `:${port}`}`)),
      ),
  );
  const more = all.length > shownEndpoints ? ` + ${all.length - shownEndpoints} more...` : "";
  return all.slice(0, shownEndpoints).join(",") + more;
}

async function deploymentText(object: ServerObject, context: CommandContext): Promise<string> {
  const deployment = object as unknown as Stored<Deployment>;
  const { spec, status } = deployment;
  const section = head(deployment).field(0, "CreationTimestamp", longTime(deployment.metadata.creationTimestamp));
  labelled(section, deployment).field(0, "Selector", formatLabelSelector(compileLabelSelector(spec?.selector)));
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, unavailableReplicas = 0 } = status ?? {};
  section.field(
    0,
    "Replicas",
    `${spec?.replicas ?? 1} desired | ${updatedReplicas} updated | ${replicas} total | ${availableReplicas} available | ${unavailableReplicas} unavailable`,
  );
  section.field(0, "StrategyType", spec?.strategy?.type ?? "").field(0, "MinReadySeconds", spec?.minReadySeconds ?? 0);
  const rolling = spec?.strategy?.rollingUpdate;
  if (rolling !== undefined) {
    section.field(
      0,
      "RollingUpdateStrategy",
      `${rolling.maxUnavailable ?? 0} max unavailable, ${rolling.maxSurge ?? 0} max surge`,
    );
  }
  section.add(podTemplateText(spec?.template ?? {}));
  if ((status?.conditions ?? []).length > 0) {
    section.line(0, "Conditions:").line(1, "Type\tStatus\tReason").line(1, "----\t------\t------");
    for (const { type, status: value, reason = "" } of status?.conditions ?? []) section.line(1, `${type} \t${value}\t${reason}`);
  }
  const { old, current } = await replicaSetsOf(context, object);
  section.field(0, "OldReplicaSets", countsText(old));
  section.field(0, "NewReplicaSet", countsText(current === undefined ? [] : [current]));
  return section.text;
}

function countsText(sets: readonly Stored<ReplicaSet>[]): string {
  if (sets.length === 0) return "<none>";
  return sets
    .map(({ metadata, spec, status }) => `${metadata.name} (${status?.replicas ?? 0}/${spec?.replicas ?? 0} replicas created)`)
    .join(", ");
}

async function replicaSetText(set: Stored<ReplicaSet>, { session, signal }: CommandContext): Promise<string> {
  const { spec, status, metadata } = set;
  const selector = formatLabelSelector(compileLabelSelector(spec?.selector));
  const section = labelled(head(set).field(0, "Selector", selector), set);
  controlledBy(section, set).field(0, "Replicas", `${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`);
  const pods = (await session.mapper()).find("pods");
  const { items } = await listObjects(
    session.client,
    { resource: pods, namespace: metadata.namespace ?? "", labelSelector: selector },
    { signal },
  );
  const own = (items as unknown as Stored<Pod>[]).filter(({ metadata: { ownerReferences = [] } }) =>
    ownerReferences.some(({ controller, uid }) => controller === true && uid === metadata.uid),
  );
  const count = (phase: string): number => own.filter(({ status: of }) => of?.phase === phase).length;
  section.field(
    0,
    "Pods Status",
    `${count("Running")} Running / ${count("Pending")} Waiting / ${count("Succeeded")} Succeeded / ${count("Failed")} Failed`,
  );
  section.add(podTemplateText(spec?.template ?? {}));
  if ((status?.conditions ?? []).length > 0) {
    section.line(0, "Conditions:").line(1, "Type\tStatus\tReason").line(1, "----\t------\t------");
    for (const { type, status: value, reason = "" } of status?.conditions ?? []) section.line(1, `${type} \t${value}\t${reason}`);
  }
  return section.text;
}

function sortedEntries(entries: Readonly<Record<string, string>> | undefined): [string, string][] {
  return Object.entries(entries ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
}
