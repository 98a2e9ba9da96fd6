import { milliValue, parseQuantity, value } from "#api/quantity";
import type { ResourceFieldSelector } from "#api/generated/types";
import { type ContainerSpec, specOf, type StoredPod } from "./pod-spec.ts";

/** What a pod may learn about itself while it is started. */
export interface PodFacts {
  readonly pod: StoredPod;
  readonly podIP: string;
  readonly hostIP: string;
  /** What a container without a limit may use: the node's, in CPUs and bytes. */
  readonly allocatable: { readonly cpu: string; readonly memory: string; readonly "ephemeral-storage": string };
}

/** @throws Error for a path that upstream does not know either. */
export function fieldValue({ pod, podIP, hostIP }: PodFacts, path: string): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript !== null) {
    const [, map, key = ""] = subscript;
    return pod.metadata[map as "labels" | "annotations"]?.[key] ?? "";
  }
  const spec = specOf(pod);
  const values: Record<string, string> = {
    "metadata.name": pod.metadata.name,
    "metadata.namespace": pod.metadata.namespace ?? "",
    "metadata.uid": pod.metadata.uid,
    "metadata.labels": lines(pod.metadata.labels ?? {}),
    "metadata.annotations": lines(pod.metadata.annotations ?? {}),
    "spec.nodeName": spec.nodeName ?? "",
    "spec.serviceAccountName": spec.serviceAccountName ?? "",
    "status.podIP": podIP,
    "status.podIPs": podIP,
    "status.hostIP": hostIP,
    "status.hostIPs": hostIP,
  };
  const found = values[path];
  if (found === undefined) throw new Error(`unsupported fieldPath: ${path}`);
  return found;
}

/** `limits.cpu` and its like, divided and rounded up. Without a limit: what the node has. */
export function resourceValue({ allocatable }: PodFacts, container: ContainerSpec, selector: ResourceFieldSelector): string {
  const match = /^(limits|requests)\.(.+)$/.exec(selector.resource);
  if (match === null) throw new Error(`unsupported container resource : ${selector.resource}`);
  const [, kind, name = ""] = match;
  const given = container.resources?.[kind as "limits" | "requests"]?.[name];
  const fallback = kind === "limits" ? (allocatable as Record<string, string>)[name] : undefined;
  const quantity = parseQuantity(given ?? fallback ?? "0");
  const divisor = parseQuantity(
    selector.divisor === undefined || value(parseQuantity(selector.divisor)) === 0 ? "1" : selector.divisor,
  );
  if (name === "cpu") return `${Math.ceil(milliValue(quantity) / milliValue(divisor))}`;
  return `${Math.ceil(value(quantity) / value(divisor))}`;
}

/** `key="escaped value"` lines in key order, as in downward API files. */
function lines(map: Readonly<Record<string, string>>): string {
  const keys = Object.keys(map).sort();
  return keys.map((key) => `${key}=${JSON.stringify(map[key])}`).join("\n");
}
