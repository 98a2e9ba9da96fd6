import type { Node, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { milliValue, parseQuantity } from "#api/quantity";
import { age } from "#api/table-cells";
import type { CommandContext } from "../command.ts";
import { getObject, listObjects } from "../objects/requests.ts";
import { goResourceMap } from "./resource-list.ts";
import { Section } from "./section.ts";
import { longTime } from "./times.ts";

const roleLabel = "node-role.kubernetes.io/";

export async function nodeText(node: Stored<Node>, context: CommandContext): Promise<string> {
  const { metadata, spec, status } = node;
  const section = new Section().field(0, "Name", metadata.name);
  const roles = Object.keys(metadata.labels ?? {})
    .filter((label) => label.startsWith(roleLabel))
    .map((label) => label.slice(roleLabel.length));
  section.field(0, "Roles", roles.length === 0 ? "<none>" : roles.sort().join(","));
  section.map(0, "Labels", metadata.labels).annotations(0, metadata.annotations);
  section.field(0, "CreationTimestamp", longTime(metadata.creationTimestamp));
  const taints = (spec?.taints ?? []).map(({ key, value = "", effect }) => `${key}${value === "" ? "" : `=${value}`}:${effect}`);
  if (taints.length === 0) section.field(0, "Taints", "<none>");
  taints.sort().forEach((taint, index) => section.line(0, `${index === 0 ? "Taints:" : ""}\t${taint}`));
  section.field(0, "Unschedulable", spec?.unschedulable === true);
  section.add(await leaseText(node, context));
  if ((status?.conditions ?? []).length > 0) {
    section.line(0, "Conditions:").line(1, "Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
    section.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    for (const { type, status: value, lastHeartbeatTime, lastTransitionTime, reason = "", message = "" } of status?.conditions ??
      []) {
      section.line(
        1,
        `${type} \t${value} \t${longTime(lastHeartbeatTime)} \t${longTime(lastTransitionTime)} \t${reason} \t${message}`,
      );
    }
  }
  section.line(0, "Addresses:");
  for (const { type, address } of status?.addresses ?? []) section.field(1, type, address);
  for (const [name, list] of [
    ["Capacity", status?.capacity],
    ["Allocatable", status?.allocatable],
  ] as const) {
    section.line(0, `${name}:`);
    for (const [key, value] of Object.entries(goResourceMap(list))) section.field(1, key, value);
  }
  section.add(systemText(node));
  if ((spec?.podCIDR ?? "") !== "") section.field(0, "PodCIDR", spec?.podCIDR ?? "");
  if ((spec?.podCIDRs ?? []).length > 0) section.field(0, "PodCIDRs", (spec?.podCIDRs ?? []).join(","));
  if ((spec?.providerID ?? "") !== "") section.field(0, "ProviderID", spec?.providerID ?? "");
  return section.add(await podsText(node, context)).text;
}

async function leaseText({ metadata }: Stored<Node>, { session, signal }: CommandContext): Promise<string> {
  const resource = (await session.mapper()).search("leases.coordination.k8s.io");
  const section = new Section().line(0, "Lease:");
  const lease =
    resource === undefined
      ? undefined
      : await getObject(session.client, { resource, namespace: "kube-node-lease", name: metadata.name }, { signal }).catch(
          () => undefined,
        );
  const { holderIdentity = "<unset>", acquireTime, renewTime } = (lease?.["spec"] ?? {}) as Record<string, string | undefined>;
  return section
    .field(1, "HolderIdentity", holderIdentity)
    .field(1, "AcquireTime", longTime(acquireTime))
    .field(1, "RenewTime", longTime(renewTime)).text;
}

function systemText({ status }: Node): string {
  const { nodeInfo } = status ?? {};
  const section = new Section().line(0, "System Info:");
  const entries: readonly (readonly [string, string | undefined])[] = [
    ["Machine ID", nodeInfo?.machineID],
    ["System UUID", nodeInfo?.systemUUID],
    ["Boot ID", nodeInfo?.bootID],
    ["Kernel Version", nodeInfo?.kernelVersion],
    ["OS Image", nodeInfo?.osImage],
    ["Operating System", nodeInfo?.operatingSystem],
    ["Architecture", nodeInfo?.architecture],
    ["Container Runtime Version", nodeInfo?.containerRuntimeVersion],
    ["Kubelet Version", nodeInfo?.kubeletVersion],
    ["Kube-Proxy Version", nodeInfo?.kubeProxyVersion],
  ];
  for (const [name, value = ""] of entries) section.field(1, name, value);
  return section.text;
}

type Totals = Readonly<Record<"cpu" | "memory" | "ephemeral-storage", number>>;

async function podsText(node: Stored<Node>, { session, clock, signal }: CommandContext): Promise<string> {
  const resource = (await session.mapper()).find("pods");
  const fieldSelector = `spec.nodeName=${node.metadata.name},status.phase!=Succeeded,status.phase!=Failed`;
  const { items } = await listObjects(session.client, { resource, fieldSelector }, { signal });
  const pods = items as unknown as Stored<Pod>[];
  const section = new Section().field(0, "Non-terminated Pods", `(${pods.length} in total)`);
  section.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
  section.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
  const cpu = quantityValue(node.status?.allocatable?.["cpu"]);
  const memory = quantityValue(node.status?.allocatable?.["memory"]);
  for (const pod of pods) {
    const requests = totalsOf([pod], "requests");
    const limits = totalsOf([pod], "limits");
    const cells = [share(cpuText(requests.cpu), requests.cpu, cpu), share(cpuText(limits.cpu), limits.cpu, cpu)];
    const more = [
      share(memoryText(requests.memory), requests.memory, memory),
      share(memoryText(limits.memory), limits.memory, memory),
    ];
    const { namespace = "", name, creationTimestamp } = pod.metadata;
    section.line(1, [namespace, name, "", ...cells, ...more, age(creationTimestamp, clock.now())].join("\t"));
  }
  const requests = totalsOf(pods, "requests");
  const limits = totalsOf(pods, "limits");
  const storage = quantityValue(node.status?.allocatable?.["ephemeral-storage"]);
  section.line(0, "Allocated resources:").line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)");
  section.line(1, "Resource\tRequests\tLimits").line(1, "--------\t--------\t------");
  section.line(1, `cpu\t${share(cpuText(requests.cpu), requests.cpu, cpu)}\t${share(cpuText(limits.cpu), limits.cpu, cpu)}`);
  section.line(
    1,
    `memory\t${share(memoryText(requests.memory), requests.memory, memory)}\t${share(memoryText(limits.memory), limits.memory, memory)}`,
  );
  const [asked, capped] = [requests["ephemeral-storage"], limits["ephemeral-storage"]];
  section.line(
    1,
    `ephemeral-storage\t${share(memoryText(asked), asked, storage)}\t${share(memoryText(capped), capped, storage)}`,
  );
  for (const name of Object.keys(node.status?.allocatable ?? {})
    .filter((key) => key.startsWith("hugepages-"))
    .sort()) {
    section.line(1, `${name}\t0 (0%)\t0 (0%)`);
  }
  return section.text;
}

function totalsOf(pods: readonly Pod[], kind: "requests" | "limits"): Totals {
  const sum = (name: keyof Totals): number =>
    pods.reduce((total, { spec }) => {
      const of = (
        list: readonly {
          resources?: { requests?: Record<string, string | number>; limits?: Record<string, string | number> };
        }[] = [],
      ): number[] => list.map(({ resources }) => quantityValue(resources?.[kind]?.[name]));
      const main = of(spec?.containers as never).reduce((left, right) => left + right, 0);
      return total + Math.max(main, ...of(spec?.initContainers));
    }, 0);
  return { cpu: sum("cpu"), memory: sum("memory"), "ephemeral-storage": sum("ephemeral-storage") };
}

function quantityValue(quantity: string | number | undefined): number {
  return quantity === undefined ? 0 : milliValue(parseQuantity(quantity)) / 1000;
}

function share(text: string, part: number, whole: number): string {
  return `${text} (${whole === 0 ? 0 : Math.trunc((part / whole) * 100)}%)`;
}

function cpuText(cores: number): string {
  const milli = Math.ceil(cores * 1000);
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

function memoryText(bytes: number): string {
  for (const [unit, size] of [
    ["Gi", 2 ** 30],
    ["Mi", 2 ** 20],
    ["Ki", 2 ** 10],
  ] as const) {
    if (bytes !== 0 && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}
