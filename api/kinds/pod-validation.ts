import { duplicate, forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { inRange, ipAddress, named, oneOf } from "../field-rules.ts";
import type { Container, Pod, PodSpec, Toleration } from "../generated/types.ts";
import { dnsLabelErrors, labelKeyErrors, labelValueErrors, subdomainErrors } from "../label-validation.ts";
import { validateLabels } from "../metadata-validation.ts";
import { validateAffinity } from "./affinity-validation.ts";
import { validateContainer, type ContainerSurroundings } from "./container-validation.ts";
import { validatePodSecurity } from "./security-validation.ts";
import { validateSpreadConstraints } from "./spread-validation.ts";
import { validateVolumes } from "./volume-validation.ts";

/** The rules of a pod's or template's spec (upstream: pkg/apis/core/validation). `at` is where the spec stands. */
export function validatePodSpec(spec: PodSpec, at: string): FieldError[] {
  const { errors, good } = validateVolumes(spec.volumes ?? [], `${at}.volumes`);
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
  if (spec.os !== undefined && !spec.os.name) errors.push(required(`${at}.os.name`, "cannot be empty"));
  else if (spec.os !== undefined && spec.os.name !== "linux" && spec.os.name !== "windows")
    errors.push(notSupported(`${at}.os`, spec.os.name, ["linux", "windows"]));
  return errors;
}

/** What holds for a pod and, for compatibility, not for a template. */
export function validatePodOnly(pod: Pod): FieldError[] {
  const spec = pod.spec ?? { containers: [] };
  const errors: FieldError[] = [];
  for (const [field, containers] of Object.entries({ containers: spec.containers, initContainers: spec.initContainers })) {
    (containers ?? []).forEach(({ image = "" }, index) => {
      if (image !== image.trim())
        errors.push(invalidValue(`spec.${field}[${index}].image`, image, "must not have leading or trailing whitespace"));
    });
  }
  return errors;
}

/** What holds for a pod that is about to be made. */
export function validatePodCreate(spec: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.ephemeralContainers ?? []).length > 0) errors.push(forbidden("spec.ephemeralContainers", "cannot be set on create"));
  if (spec.nodeName && (spec.schedulingGates ?? []).length > 0)
    errors.push(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"));
  return errors;
}

function validateContainers(spec: PodSpec, at: string, volumes: ReadonlySet<string>): FieldError[] {
  if (spec.containers.length === 0) return [required(`${at}.containers`)];
  const errors: FieldError[] = [];
  const surroundings: ContainerSurroundings = {
    volumes,
    claims: new Set((spec.resourceClaims ?? []).map(({ name }) => name)),
    restartPolicy: spec.restartPolicy,
    gracePeriod: spec.terminationGracePeriodSeconds,
    hostUsers: spec.hostUsers !== false,
  };
  const seen = new Set<string>();
  const each = (containers: readonly Container[], field: string, isInit: boolean): void => {
    containers.forEach((container, index) => {
      const place = `${field}[${index}]`;
      errors.push(...validateContainer(container, place, surroundings, isInit));
      if (container.name && seen.has(container.name)) errors.push(duplicate(`${place}.name`, container.name));
      seen.add(container.name);
    });
  };
  each(spec.containers, `${at}.containers`, false);
  each(spec.initContainers ?? [], `${at}.initContainers`, true);
  return [...errors, ...validateHostPorts(spec, `${at}.containers`)];
}

/** Two containers of one pod cannot have the same port of the host. */
function validateHostPorts(spec: PodSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  spec.containers.forEach((container, index) => {
    (container.ports ?? []).forEach((port, portIndex) => {
      if (port.hostPort === undefined || port.hostPort === 0) return;
      const field = `${at}[${index}].ports[${portIndex}].hostPort`;
      const id = `${port.protocol ?? "TCP"}/${port.hostIP ?? ""}/${port.hostPort}`;
      if (taken.has(id)) errors.push(duplicate(field, id));
      taken.add(id);
      if (spec.hostNetwork === true && port.hostPort !== port.containerPort)
        errors.push(invalidValue(field, port.hostPort, "must match `containerPort` when `hostNetwork` is true"));
    });
  });
  return errors;
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
