import type { Container, EphemeralContainer, PodSpec, Volume } from "../generated/types.ts";
import { dnsLabelErrors } from "../label-validation.ts";
import { parseQuantity } from "../quantity.ts";
import { containersOf } from "./windows-validation.ts";

/** A name that is good and no DNS label works, and surprises who looks for the pod by it. */
export function hostnameWarning(name: string, use: string): string[] {
  const complaints = dnsLabelErrors(name);
  if (complaints.length === 0) return [];
  const advice = "which can result in surprising behavior; a DNS label is recommended";
  return [`metadata.name: this is used in ${use}, ${advice}: [${complaints.join(" ")}]`];
}

/**
 * What works and is probably not meant (upstream: pkg/api/pod/warnings.go). `at` is where the pod or the template stands, with a
 * dot behind it.
 */
export function podWarnings(spec: PodSpec, annotations: Readonly<Record<string, string>>, at: string): string[] {
  const containers = containersOf(spec, `${at}spec`);
  return [
    ...nodeLabelWarnings(spec, `${at}spec`),
    ...(spec.topologySpreadConstraints ?? []).flatMap(({ labelSelector }, index) =>
      labelSelector === undefined
        ? [`${at}spec.topologySpreadConstraints[${index}].labelSelector: a null labelSelector results in matching no pod`]
        : [],
    ),
    ...affinityWarnings(spec, `${at}spec.affinity`),
    ...Object.entries(deadAnnotations).flatMap(([key, message]) =>
      Object.hasOwn(annotations, key) ? [`${at}metadata.annotations[${key}]: ${message}`] : [],
    ),
    ...(spec.volumes ?? []).flatMap((volume, index) => volumeWarnings(volume, `${at}spec.volumes[${index}]`)),
    ...duplicates(spec.hostAliases ?? [], "ip", `${at}spec.hostAliases`),
    ...duplicates(spec.imagePullSecrets ?? [], "name", `${at}spec.imagePullSecrets`),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name }, index) =>
      name ? [] : [`${at}spec.imagePullSecrets[${index}].name: invalid empty name ""`],
    ),
    ...fractionWarnings(spec.overhead, `${at}spec.overhead`),
    ...containers.flatMap(([container, field]) => [
      ...fractionWarnings(container.resources?.limits, `${field}.resources.limits`),
      ...fractionWarnings(container.resources?.requests, `${field}.resources.requests`),
      ...hiddenVariables(container, `${field}.env`),
    ]),
    ...portWarnings(containers),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [`${at}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
  ];
}

const oldNodeLabels: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

function nodeLabelWarnings(spec: PodSpec, at: string): string[] {
  const ofSelector = Object.keys(spec.nodeSelector ?? {}).flatMap((key) => {
    const message = oldNodeLabels[key];
    return message === undefined ? [] : [`${at}.nodeSelector[${key}]: ${message}`];
  });
  const ofSpread = (spec.topologySpreadConstraints ?? []).flatMap(({ topologyKey }, index) => {
    const message = oldNodeLabels[topologyKey];
    return message === undefined ? [] : [`${at}.topologySpreadConstraints[${index}].topologyKey: ${topologyKey} is ${message}`];
  });
  return [...ofSelector, ...ofSpread];
}

/** Nothing is selected by no selector: who wants all pods says `{}`. */
function affinityWarnings({ affinity = {} }: PodSpec, at: string): string[] {
  return (["podAffinity", "podAntiAffinity"] as const).flatMap((kind) => {
    const { requiredDuringSchedulingIgnoredDuringExecution: strict, preferredDuringSchedulingIgnoredDuringExecution: soft } =
      affinity[kind] ?? {};
    const warning = (selector: unknown, field: string): string[] =>
      selector === undefined ? [`${at}.${kind}.${field}.labelSelector: a null labelSelector results in matching no pod`] : [];
    return [
      ...(strict ?? []).flatMap(({ labelSelector }, index) =>
        warning(labelSelector, `requiredDuringSchedulingIgnoredDuringExecution[${index}]`),
      ),
      ...(soft ?? []).flatMap(({ podAffinityTerm }, index) =>
        warning(podAffinityTerm.labelSelector, `preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`),
      ),
    ];
  });
}

const deadAnnotations: Readonly<Record<string, string>> = {
  "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
  "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
  "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
};

const oldVolumes: readonly (readonly [source: keyof Volume, message: string, path?: string])[] = [
  ["photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"],
  ["gitRepo", "deprecated in v1.11"],
  ["scaleIO", "deprecated in v1.16, non-functional in v1.22+"],
  ["flocker", "deprecated in v1.22, non-functional in v1.25+"],
  ["storageos", "deprecated in v1.22, non-functional in v1.25+", "storageOS"],
  ["quobyte", "deprecated in v1.22, non-functional in v1.25+"],
  ["glusterfs", "deprecated in v1.25, non-functional in v1.26+"],
  ["cephfs", "deprecated in v1.28, non-functional in v1.31+"],
  ["rbd", "deprecated in v1.28, non-functional in v1.31+"],
];

function volumeWarnings(volume: Volume, at: string): string[] {
  return oldVolumes
    .filter(([source]) => volume[source] !== undefined)
    .map(([source, message, path]) => `${at}.${path ?? source}: ${message}`);
}

function duplicates<Key extends string>(items: readonly { readonly [K in Key]?: string }[], key: Key, at: string): string[] {
  const values = items.map((item) => item[key]);
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [`${at}[${index}].${key}: duplicate ${key} ${JSON.stringify(value ?? "")}`] : [],
  );
}

/** There is no part of a byte. */
function fractionWarnings(amounts: Readonly<Record<string, string | number>> | undefined, at: string): string[] {
  return ["memory", "ephemeral-storage"].flatMap((resource) => {
    const amount = amounts?.[resource];
    if (amount === undefined || parseQuantity(amount).nanos % 1_000_000_000n === 0n) return [];
    return [`${at}[${resource}]: fractional byte value ${JSON.stringify(String(amount))} is invalid, must be an integer`];
  });
}

function hiddenVariables({ env = [] }: Container | EphemeralContainer, at: string): string[] {
  return env.flatMap(({ name, value = "", valueFrom }, index) => {
    const isRepeated = env.findIndex((other) => other.name === name) < index;
    const reference = `$(${name})`;
    const goesOn = valueFrom === undefined && value !== reference && value.includes(reference);
    if (!isRepeated || goesOn) return [];
    return [`${at}[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`];
  });
}

function portWarnings(containers: ReturnType<typeof containersOf>): string[] {
  const ports = containers.flatMap(([container, field]) =>
    (container.ports ?? []).map((port, index) => ({ port, at: `${field}.ports[${index}]` })),
  );
  return ports.flatMap(({ port, at }, index) =>
    ports.slice(0, index).flatMap(({ port: other, at: otherAt }) => {
      if (port.containerPort !== other.containerPort || port.protocol !== other.protocol) return [];
      const { hostPort = 0, hostIP = "" } = port;
      const { hostPort: otherHostPort = 0, hostIP: otherHostIp = "" } = other;
      if (hostPort === otherHostPort && hostIP === otherHostIp) return [`${at}: duplicate port definition with ${otherAt}`];
      if (hostPort === 0 || otherHostPort === 0) return [`${at}: overlapping port definition with ${otherAt}`];
      const isAmbiguous = hostPort === otherHostPort && (hostIP === "") !== (otherHostIp === "");
      return isAmbiguous ? [`${at}: dangerously ambiguous port definition with ${otherAt}`] : [];
    }),
  );
}
