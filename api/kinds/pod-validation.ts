import { isDeepStrictEqual } from "node:util";
import { duplicate, forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { isIpAddress, named, negative, oneOf } from "../field-rules.ts";
import type { Container, PodSpec, Toleration } from "../generated/types.ts";
import { dnsLabelErrors, labelKeyErrors, labelValueErrors, subdomainErrors } from "../label-validation.ts";
import { validateContainer } from "./container-validation.ts";
import { validateVolumes } from "./volume-validation.ts";

/** The rules of a pod's or template's spec (upstream: pkg/apis/core/validation). `at` is where the spec stands. */
export function validatePodSpec(spec: PodSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  errors.push(...validateVolumes(spec.volumes ?? [], `${at}.volumes`));
  const volumeNames = new Set((spec.volumes ?? []).map((volume) => volume.name));
  errors.push(...validateContainers(spec, at, volumeNames));
  errors.push(...oneOf(`${at}.restartPolicy`, spec.restartPolicy, ["Always", "OnFailure", "Never"]));
  errors.push(...oneOf(`${at}.dnsPolicy`, spec.dnsPolicy, ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]));
  if (spec.dnsPolicy === "None" && (spec.dnsConfig?.nameservers ?? []).length === 0) {
    errors.push(required(`${at}.dnsConfig.nameservers`, `must provide at least one DNS nameserver when \`dnsPolicy\` is None`));
  }
  if ((spec.dnsConfig?.nameservers ?? []).length > 3) {
    errors.push(
      invalidValue(`${at}.dnsConfig.nameservers`, spec.dnsConfig?.nameservers, "must not have more than 3 nameservers"),
    );
  }
  errors.push(...validateHostUsage(spec, at));
  if (spec.serviceAccountName !== undefined && spec.serviceAccountName !== "") {
    errors.push(...named(`${at}.serviceAccountName`, spec.serviceAccountName, subdomainErrors));
  }
  if (spec.nodeName !== undefined && spec.nodeName !== "")
    errors.push(...named(`${at}.nodeName`, spec.nodeName, subdomainErrors));
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) {
    for (const complaint of labelKeyErrors(key)) errors.push(invalidValue(`${at}.nodeSelector`, key, complaint));
    for (const complaint of labelValueErrors(value)) errors.push(invalidValue(`${at}.nodeSelector`, value, complaint));
  }
  if (spec.activeDeadlineSeconds !== undefined && (spec.activeDeadlineSeconds < 1 || spec.activeDeadlineSeconds > 2 ** 31 - 1)) {
    errors.push(
      invalidValue(`${at}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, "must be between 1 and 2147483647, inclusive"),
    );
  }
  if (spec.terminationGracePeriodSeconds !== undefined && spec.terminationGracePeriodSeconds < 0) {
    errors.push(negative(`${at}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds));
  }
  if (spec.hostname !== undefined && spec.hostname !== "") errors.push(...named(`${at}.hostname`, spec.hostname, dnsLabelErrors));
  if (spec.subdomain !== undefined && spec.subdomain !== "")
    errors.push(...named(`${at}.subdomain`, spec.subdomain, dnsLabelErrors));
  (spec.tolerations ?? []).forEach((toleration, index) =>
    errors.push(...validateToleration(toleration, `${at}.tolerations[${index}]`)),
  );
  (spec.hostAliases ?? []).forEach((alias, index) => {
    if (!isIpAddress(alias.ip))
      errors.push(
        invalidValue(`${at}.hostAliases[${index}].ip`, alias.ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
      );
  });
  (spec.imagePullSecrets ?? []).forEach((secret, index) => {
    if (!secret.name) errors.push(required(`${at}.imagePullSecrets[${index}].name`));
  });
  (spec.topologySpreadConstraints ?? []).forEach((constraint, index) => {
    const field = `${at}.topologySpreadConstraints[${index}]`;
    if (constraint.maxSkew <= 0) errors.push(invalidValue(`${field}.maxSkew`, constraint.maxSkew, "must be greater than zero"));
    if (!constraint.topologyKey) errors.push(required(`${field}.topologyKey`, "can not be empty"));
    errors.push(...oneOf(`${field}.whenUnsatisfiable`, constraint.whenUnsatisfiable, ["DoNotSchedule", "ScheduleAnyway"]));
  });
  return errors;
}

function validateContainers(spec: PodSpec, at: string, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.containers.length === 0) errors.push(required(`${at}.containers`));
  const seen = new Set<string>();
  const each = (containers: readonly Container[], field: string, isInit: boolean): void => {
    containers.forEach((container, index) => {
      const place = `${field}[${index}]`;
      errors.push(...validateContainer(container, place, volumes, isInit));
      if (container.name !== "" && seen.has(container.name)) errors.push(duplicate(`${place}.name`, container.name));
      seen.add(container.name);
    });
  };
  each(spec.containers, `${at}.containers`, false);
  each(spec.initContainers ?? [], `${at}.initContainers`, true);
  errors.push(...validateHostPorts(spec, at));
  return errors;
}

/** Two containers of one pod cannot have the same port of the host. */
function validateHostPorts(spec: PodSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  spec.containers.forEach((container, index) => {
    (container.ports ?? []).forEach((port, portIndex) => {
      if (port.hostPort === undefined || port.hostPort === 0) return;
      const id = `${port.protocol ?? "TCP"}/${port.hostIP ?? ""}/${port.hostPort}`;
      if (taken.has(id)) errors.push(duplicate(`${at}.containers[${index}].ports[${portIndex}].hostPort`, id));
      taken.add(id);
      if (spec.hostNetwork === true && port.hostPort !== port.containerPort) {
        const detail = "must match `containerPort` when `hostNetwork` is true";
        errors.push(invalidValue(`${at}.containers[${index}].ports[${portIndex}].containerPort`, port.containerPort, detail));
      }
    });
  });
  return errors;
}

function validateHostUsage(spec: PodSpec, at: string): FieldError[] {
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    return [invalidValue(`${at}.shareProcessNamespace`, true, "ShareProcessNamespace and HostPID cannot both be enabled")];
  }
  return [];
}

function validateToleration(toleration: Toleration, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (toleration.key !== undefined && toleration.key !== "") {
    for (const complaint of labelKeyErrors(toleration.key)) errors.push(invalidValue(`${at}.key`, toleration.key, complaint));
  } else if (toleration.operator !== "Exists") {
    errors.push(
      invalidValue(
        `${at}.operator`,
        toleration.operator ?? "",
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (toleration.tolerationSeconds !== undefined && toleration.effect !== "NoExecute") {
    errors.push(
      invalidValue(`${at}.effect`, toleration.effect ?? "", "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  }
  const operator = toleration.operator ?? "";
  if (operator === "Exists" && toleration.value !== undefined && toleration.value !== "") {
    errors.push(invalidValue(`${at}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
  } else if (operator === "" || operator === "Equal") {
    for (const complaint of labelValueErrors(toleration.value ?? ""))
      errors.push(invalidValue(`${at}.operator`, toleration.value, complaint));
  } else if (operator !== "Exists") {
    errors.push(notSupported(`${at}.operator`, operator, ["Equal", "Exists"]));
  }
  if (toleration.effect !== undefined && toleration.effect !== "") {
    errors.push(...oneOf(`${at}.effect`, toleration.effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"]));
  }
  return errors;
}

/** Everything but the images, the deadline and additional tolerations is fixed once a pod exists. */
export function validatePodUpdate(next: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (next.containers.length !== old.containers.length) {
    errors.push(forbidden("spec.containers", "pod updates may not add or remove containers"));
    return errors;
  }
  const { activeDeadlineSeconds: deadline } = next;
  if (deadline !== old.activeDeadlineSeconds) {
    if (deadline === undefined) {
      errors.push(invalidValue("spec.activeDeadlineSeconds", deadline, "must not update from a positive integer to nil value"));
    } else if (old.activeDeadlineSeconds !== undefined && deadline > old.activeDeadlineSeconds) {
      const detail = `must be less than or equal to previous value`;
      errors.push(invalidValue("spec.activeDeadlineSeconds", deadline, detail));
    }
  }
  if (!keepsTolerations(next.tolerations ?? [], old.tolerations ?? [])) {
    errors.push(forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"));
  }
  const gatesAdded = (next.schedulingGates ?? []).filter(
    (gate) => !(old.schedulingGates ?? []).some((other) => other.name === gate.name),
  );
  if (gatesAdded.length > 0) {
    errors.push(
      forbidden("spec.schedulingGates", `only deletion is allowed, but found new scheduling gate '${gatesAdded[0]?.name ?? ""}'`),
    );
  }
  const grace = old.terminationGracePeriodSeconds;
  const mayFixGrace = grace !== undefined && grace < 0 && next.terminationGracePeriodSeconds === 1;
  const comparable: PodSpec = {
    ...next,
    containers: next.containers.map((container, index) => withImageOf(container, old.containers[index])),
    ...(next.initContainers && {
      initContainers: next.initContainers.map((container, index) => withImageOf(container, old.initContainers?.[index])),
    }),
  };
  const changed = differing({ ...comparable, ...(mayFixGrace && { terminationGracePeriodSeconds: grace }) }, old);
  if (changed.length > 0) {
    const detail =
      "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
    errors.push(forbidden("spec", `${detail}\nchanged: ${changed.join(", ")}`));
  }
  return errors;
}

/** Fields with rules of their own above are left out. */
function differing(next: PodSpec, old: PodSpec): string[] {
  const free = new Set(["activeDeadlineSeconds", "tolerations", "schedulingGates"]);
  const fields = new Set([...Object.keys(next), ...Object.keys(old)]);
  const of = (spec: PodSpec, field: string): unknown => (spec as unknown as Record<string, unknown>)[field];
  return [...fields]
    .filter((field) => !free.has(field) && !isDeepStrictEqual(of(next, field), of(old, field)))
    .map((field) => `spec.${field}`);
}

function withImageOf(container: Container, old: Container | undefined): Container {
  return old?.image === undefined ? container : { ...container, image: old.image };
}

function keepsTolerations(next: readonly Toleration[], old: readonly Toleration[]): boolean {
  const withoutSeconds = ({ tolerationSeconds: _, ...rest }: Toleration): object => rest;
  return old.every((toleration) => next.some((other) => isDeepStrictEqual(withoutSeconds(other), withoutSeconds(toleration))));
}
