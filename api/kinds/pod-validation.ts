import { duplicate, forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { inRange, ipAddress, named, oneOf } from "../field-rules.ts";
import type { Container, Pod, PodSpec, Toleration } from "../generated/types.ts";
import { dnsLabelErrors, labelKeyErrors, labelValueErrors, subdomainErrors } from "../label-validation.ts";
import { validateLabels } from "../metadata-validation.ts";
import { validateAffinity } from "./affinity-validation.ts";
import {
  validateContainer,
  validateEphemeralContainers,
  validateImageText,
  type ContainerSurroundings,
} from "./container-validation.ts";
import { validatePodAnnotations, validateSameProfiles } from "./pod-annotations-validation.ts";
import { validatePodClaims, validateResources } from "./resources-validation.ts";
import { validatePodSecurity } from "./security-validation.ts";
import { validateSpreadConstraints } from "./spread-validation.ts";
import { validateVolumes } from "./volume-validation.ts";
import { validateSystem } from "./windows-validation.ts";

/**
 * The rules of a pod's or template's spec (upstream: pkg/apis/core/validation). `at` is where the spec stands. A pod has a name,
 * which claims are called after; a template has none.
 */
export function validatePodSpec(spec: PodSpec, at: string, podName?: string): FieldError[] {
  const { errors, good } = validateVolumes(spec.volumes ?? [], `${at}.volumes`, podName);
  errors.push(...validatePodClaims(spec.resourceClaims ?? [], `${at}.resourceClaims`));
  errors.push(...validateContainers(spec, at, good));
  errors.push(...oneOf(`${at}.restartPolicy`, spec.restartPolicy, ["Always", "OnFailure", "Never"]));
  errors.push(...oneOf(`${at}.dnsPolicy`, spec.dnsPolicy, ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]));
  errors.push(...validateLabels(spec.nodeSelector, `${at}.nodeSelector`));
  errors.push(...validatePodSecurity(spec, at));
  if (spec.affinity) errors.push(...validateAffinity(spec.affinity, `${at}.affinity`));
  errors.push(...validateDns(spec, `${at}.dnsConfig`));
  (spec.readinessGates ?? []).forEach(({ conditionType }, index) => {
    errors.push(...named(`${at}.readinessGates[${index}].conditionType`, conditionType, labelKeyErrors));
  });
  errors.push(...validateSchedulingGates(spec, `${at}.schedulingGates`));
  errors.push(...validateSpreadConstraints(spec.topologySpreadConstraints ?? [], `${at}.topologySpreadConstraints`));
  errors.push(...optionalName(`${at}.serviceAccountName`, spec.serviceAccountName, subdomainErrors));
  errors.push(...optionalName(`${at}.nodeName`, spec.nodeName, subdomainErrors));
  if (spec.activeDeadlineSeconds !== undefined)
    errors.push(...inRange(`${at}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 1, 2 ** 31 - 1));
  errors.push(...optionalName(`${at}.hostname`, spec.hostname, dnsLabelErrors));
  errors.push(...optionalName(`${at}.subdomain`, spec.subdomain, dnsLabelErrors));
  (spec.tolerations ?? []).forEach((toleration, index) =>
    errors.push(...validateToleration(toleration, `${at}.tolerations[${index}]`)),
  );
  (spec.hostAliases ?? []).forEach(({ ip, hostnames = [] }, index) => {
    const field = `${at}.hostAliases[${index}]`;
    errors.push(...ipAddress(`${field}.ip`, ip));
    hostnames.forEach((name, nth) => errors.push(...named(`${field}.hostnames[${nth}]`, name, subdomainErrors)));
  });
  errors.push(...optionalName(`${at}.priorityClassName`, spec.priorityClassName, subdomainErrors));
  errors.push(...optionalName(`${at}.runtimeClassName`, spec.runtimeClassName, subdomainErrors));
  if (spec.preemptionPolicy !== undefined)
    errors.push(...oneOf(`${at}.preemptionPolicy`, spec.preemptionPolicy, ["PreemptLowerPriority", "Never"]));
  if (spec.overhead) errors.push(...validateResources({ limits: spec.overhead }, `${at}.overhead`, new Set()));
  if (spec.os !== undefined && !spec.os.name) errors.push(required(`${at}.os.name`, "cannot be empty"));
  else if (spec.os !== undefined && spec.os.name !== "linux" && spec.os.name !== "windows")
    errors.push(notSupported(`${at}.os`, spec.os.name, ["linux", "windows"]));
  return [...errors, ...validateSystem(spec, at)];
}

/** What holds for a pod and, for compatibility, not for a template. */
export function validatePodOnly(pod: Pod): FieldError[] {
  const spec = pod.spec ?? { containers: [] };
  const errors = validatePodAnnotations(pod.metadata.annotations ?? {}, spec, "metadata.annotations");
  if (!spec.serviceAccountName) {
    (spec.volumes ?? []).forEach(({ projected }, index) => {
      (projected?.sources ?? []).forEach(({ serviceAccountToken }, nth) => {
        if (serviceAccountToken === undefined) return;
        const field = `spec.volumes[${index}].projected.sources[${nth}].serviceAccountToken`;
        errors.push(forbidden(field, "must not be specified when serviceAccountName is not set"));
      });
    });
  }
  for (const field of ["containers", "initContainers"] as const) {
    (spec[field] ?? []).forEach(({ image = "" }, index) => {
      errors.push(...validateImageText(image, `spec.${field}[${index}].image`));
    });
  }
  return errors;
}

/** What holds for a pod that is about to be made. */
export function validatePodCreate({ metadata, spec = { containers: [] } }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.ephemeralContainers ?? []).length > 0) errors.push(forbidden("spec.ephemeralContainers", "cannot be set on create"));
  if (spec.nodeName && (spec.schedulingGates ?? []).length > 0)
    errors.push(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"));
  return [...errors, ...validateSameProfiles(metadata.annotations ?? {}, spec, "spec")];
}

function validateContainers(spec: PodSpec, at: string, volumes: ContainerSurroundings["volumes"]): FieldError[] {
  const errors = spec.containers.length === 0 ? [required(`${at}.containers`)] : [];
  const surroundings: ContainerSurroundings = {
    volumes,
    claims: new Set((spec.resourceClaims ?? []).map(({ name }) => name).filter(Boolean)),
    restartPolicy: spec.restartPolicy,
    gracePeriod: spec.terminationGracePeriodSeconds,
    hostUsers: spec.hostUsers !== false,
    os: spec.os?.name,
  };
  const seen = new Set<string>();
  const each = (containers: readonly Container[], field: string, isInit: boolean): void => {
    containers.forEach((container, index) => {
      const place = `${field}[${index}]`;
      errors.push(...validateContainer(container, place, surroundings, isInit));
      if (container.name && seen.has(container.name)) errors.push(duplicate(`${place}.name`, container.name));
      seen.add(container.name);
      // Init containers run one after another.
      if (isInit) errors.push(...validateHostPorts([container], field));
    });
  };
  each(spec.containers, `${at}.containers`, false);
  errors.push(...validateHostPorts(spec.containers, `${at}.containers`));
  each(spec.initContainers ?? [], `${at}.initContainers`, true);
  const ephemeral = spec.ephemeralContainers ?? [];
  errors.push(...validateEphemeralContainers(ephemeral, `${at}.ephemeralContainers`, surroundings, seen));
  return [...errors, ...validateHostNetworkPorts(spec, `${at}.containers`)];
}

/** Two containers that run together cannot have the same port of the host. */
function validateHostPorts(containers: readonly Container[], at: string): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ hostPort = 0, hostIP = "", protocol = "" }, portIndex) => {
      const id = `${protocol}/${hostIP}/${hostPort}`;
      const isTaken = hostPort !== 0 && taken.has(id);
      if (hostPort !== 0) taken.add(id);
      return isTaken ? [duplicate(`${at}[${index}].ports[${portIndex}].hostPort`, id)] : [];
    }),
  );
}

function validateHostNetworkPorts(spec: PodSpec, at: string): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return spec.containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ hostPort = 0, containerPort }, portIndex) => {
      if (hostPort === 0 || hostPort === containerPort) return [];
      const detail = "must match `containerPort` when `hostNetwork` is true";
      return [invalidValue(`${at}[${index}].ports[${portIndex}].hostPort`, hostPort, detail)];
    }),
  );
}

function validateDns({ dnsPolicy, dnsConfig }: PodSpec, at: string): FieldError[] {
  if (dnsPolicy === "None" && dnsConfig === undefined) return [required(at, "must provide `dnsConfig` when `dnsPolicy` is None")];
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (dnsPolicy === "None" && nameservers.length === 0)
    return [required(`${at}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None")];
  const errors: FieldError[] = [];
  if (nameservers.length > 3)
    errors.push(invalidValue(`${at}.nameservers`, nameservers, "must not have more than 3 nameservers"));
  nameservers.forEach((server, index) => errors.push(...ipAddress(`${at}.nameservers[${index}]`, server)));
  if (searches.length > 32) errors.push(invalidValue(`${at}.searches`, searches, "must not have more than 32 search paths"));
  if (searches.join(" ").length > 2048) {
    const detail = "must not have more than 2048 characters (including spaces) in the search list";
    errors.push(invalidValue(`${at}.searches`, searches, detail));
  }
  searches.forEach((search, index) => {
    const name = search.replace(/\.$/, "");
    // Names of services (RFC 2782) begin with an underscore, and resolvers search them.
    if (search !== ".")
      errors.push(...named(`${at}.searches[${index}]`, name, (text) => subdomainErrors(text.replaceAll("_", "a"))));
  });
  options.forEach(({ name }, index) => {
    if (!name) errors.push(required(`${at}.options[${index}]`, "must not be empty"));
  });
  return errors;
}

function validateSchedulingGates({ schedulingGates = [] }: PodSpec, at: string): FieldError[] {
  const names = schedulingGates.map(({ name }) => name);
  return names.flatMap((name, index) => [
    ...named(`${at}[${index}]`, name, labelKeyErrors),
    ...(names.indexOf(name) < index ? [duplicate(`${at}[${index}]`, name)] : []),
  ]);
}

function validateToleration(toleration: Toleration, at: string): FieldError[] {
  const { key = "", operator = "", value = "", effect = "", tolerationSeconds } = toleration;
  const errors = key === "" ? [] : named(`${at}.key`, key, labelKeyErrors);
  if (key === "" && operator !== "Exists") {
    const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalidValue(`${at}.operator`, operator, detail));
  }
  if (tolerationSeconds !== undefined && effect !== "NoExecute")
    errors.push(invalidValue(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  if (operator === "" || operator === "Equal") {
    const complaints = labelValueErrors(value);
    if (complaints.length > 0) errors.push(invalidValue(`${at}.operator`, value, complaints.join(";")));
  } else if (operator !== "Exists") errors.push(notSupported(`${at}.operator`, operator, ["Equal", "Exists"]));
  else if (value !== "") errors.push(invalidValue(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
  if (effect !== "") errors.push(...oneOf(`${at}.effect`, effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"]));
  return errors;
}

function optionalName(at: string, name: string | undefined, rule: (name: string) => string[]): FieldError[] {
  return name === undefined || name === "" ? [] : named(at, name, rule);
}
