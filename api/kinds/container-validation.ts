import {
  duplicate,
  forbidden,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
  tooMany,
  type FieldError,
} from "../field-error.ts";
import { named, oneOf, portNumber } from "../field-rules.ts";
import type { Container, EphemeralContainer, Volume, VolumeMount } from "../generated/types.ts";
import { dnsLabelErrors } from "../label-validation.ts";
import { validatePortName } from "../name-validation.ts";
import { validateEnv, validateEnvFrom } from "./env-validation.ts";
import { validateDescendingPath, validateNoBacksteps } from "./path-validation.ts";
import { validateProbes } from "./probe-validation.ts";
import { validateResources } from "./resources-validation.ts";
import { validateContainerSecurity } from "./security-validation.ts";

/** What of its pod matters to the rules of a container. */
export interface ContainerSurroundings {
  /** The volumes that are good themselves, by name. */
  readonly volumes: ReadonlyMap<string, Volume>;
  /** Names of the pod's resource claims. */
  readonly claims: ReadonlySet<string>;
  readonly restartPolicy: string | undefined;
  readonly gracePeriod: number | undefined;
  readonly hostUsers: boolean;
  /** The operating system it says it is for. */
  readonly os: string | undefined;
}

const restartPolicies = ["Always", "Never", "OnFailure"];

export function validateContainer(container: Container, at: string, pod: ContainerSurroundings, isInit: boolean): FieldError[] {
  const errors = validateAnyContainer(container, at, pod);
  if (!isInit || container.restartPolicy === "Always") {
    errors.push(...validateStopSignal(container.lifecycle?.stopSignal, `${at}.lifecycle.stopSignal`, pod.os));
    return [...errors, ...validateProbes(container, at, pod.gracePeriod)];
  }
  for (const field of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const)
    if (container[field] !== undefined)
      errors.push(forbidden(`${at}.${field}`, "may not be set for init containers without restartPolicy=Always"));
  return errors;
}

/** The kernel's names, and those of the real-time signals counted from either end. */
const stopSignals: Readonly<Record<string, readonly string[]>> = {
  linux: [
    ..."ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS".split(" "),
    ..."TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX".split(" "),
    ...Array.from({ length: 15 }, (_, index) => `RTMIN+${index + 1}`),
    ...Array.from({ length: 14 }, (_, index) => `RTMAX-${index + 1}`),
  ].map((name) => `SIG${name}`),
  windows: ["SIGKILL", "SIGTERM"],
};

function validateStopSignal(signal: string | undefined, field: string, os: string | undefined): FieldError[] {
  if (signal === undefined) return [];
  if (!os) return [forbidden(field, "may not be set for containers with empty `spec.os.name`")];
  return oneOf(field, signal, stopSignals[os] ?? []);
}

/** What a container that only looks at others cannot have: it comes late and promises nothing. */
const notForEphemeral = [
  "ports",
  "resources",
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "lifecycle",
  "resizePolicy",
  "restartPolicy",
  "restartPolicyRules",
] as const;

/** Upstream: validateEphemeralContainers. `others` are the names of the pod's containers of the other two sorts. */
export function validateEphemeralContainers(
  containers: readonly EphemeralContainer[],
  at: string,
  pod: ContainerSurroundings,
  others: ReadonlySet<string>,
): FieldError[] {
  const seen = new Set(others);
  return containers.flatMap((container, index) => {
    const field = `${at}[${index}]`;
    const { name, image = "", targetContainerName: target, volumeMounts = [] } = container;
    const errors = validateAnyContainer(container, field, pod);
    const refuse = (part: string): void => void errors.push(forbidden(part, "cannot be set for an Ephemeral Container"));
    errors.push(...validateImageText(image, `${field}.image`));
    if (seen.has(name)) errors.push(duplicate(`${field}.name`, name));
    seen.add(name);
    if (target && !others.has(target)) errors.push(notFoundValue(`${field}.targetContainerName`, target));
    for (const part of notForEphemeral) if (isSet(container[part])) refuse(`${field}.${part}`);
    volumeMounts.forEach((mount, mountIndex) => {
      for (const part of ["subPath", "subPathExpr"] as const)
        if (mount[part]) refuse(`${field}.volumeMounts[${mountIndex}].${part}`);
    });
    return errors;
  });
}

/** What holds for a pod and, for compatibility, not for a template. */
export function validateImageText(image: string, at: string): FieldError[] {
  return image === image.trim() ? [] : [invalidValue(at, image, "must not have leading or trailing whitespace")];
}

function isSet(value: unknown): boolean {
  return value !== undefined && (typeof value !== "object" || value === null || Object.keys(value).length > 0);
}

function validateAnyContainer(container: Container, at: string, pod: ContainerSurroundings): FieldError[] {
  const errors: FieldError[] = [];
  if (!container.name) errors.push(required(`${at}.name`));
  else errors.push(...named(`${at}.name`, container.name, dnsLabelErrors));
  if (container.image === undefined || container.image === "") errors.push(required(`${at}.image`));
  errors.push(
    ...oneOf(`${at}.terminationMessagePolicy`, container.terminationMessagePolicy, ["File", "FallbackToLogsOnError"]),
    ...validatePorts(container, `${at}.ports`),
    ...validateEnv(container.env ?? [], `${at}.env`),
    ...validateEnvFrom(container.envFrom ?? [], `${at}.envFrom`),
    ...validateMounts(container, `${at}.volumeMounts`, pod.volumes),
    ...validateDevices(container, `${at}.volumeDevices`, pod.volumes),
    ...oneOf(`${at}.imagePullPolicy`, container.imagePullPolicy, ["Always", "IfNotPresent", "Never"]),
    ...validateResources(container.resources ?? {}, `${at}.resources`, pod.claims),
    ...validateResizePolicy(container, `${at}.resizePolicy`, pod.restartPolicy),
    ...validateRestart(container, at),
  );
  if (container.securityContext)
    errors.push(...validateContainerSecurity(container.securityContext, `${at}.securityContext`, pod.hostUsers));
  return errors;
}

function validatePorts(container: Container, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  (container.ports ?? []).forEach((port, index) => {
    const field = `${at}[${index}]`;
    if (port.name !== undefined && port.name !== "") {
      const complaints = named(`${field}.name`, port.name, validatePortName);
      if (complaints.length > 0) errors.push(...complaints);
      else if (seen.has(port.name)) errors.push(duplicate(`${field}.name`, port.name));
      else seen.add(port.name);
    }
    if (!port.containerPort) errors.push(required(`${field}.containerPort`));
    else errors.push(...portNumber(`${field}.containerPort`, port.containerPort));
    if (port.hostPort !== undefined && port.hostPort !== 0) errors.push(...portNumber(`${field}.hostPort`, port.hostPort));
    errors.push(...oneOf(`${field}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]));
  });
  return errors;
}

/** Upstream names the list, not the item, where a path below a mount is wrong. */
function validateMounts(container: Container, at: string, volumes: ReadonlyMap<string, unknown>): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  (container.volumeMounts ?? []).forEach((mount, index) => {
    const field = `${at}[${index}]`;
    if (!mount.name) errors.push(required(`${field}.name`));
    if (!volumes.has(mount.name)) errors.push(notFoundValue(`${field}.name`, mount.name));
    if (!mount.mountPath) errors.push(required(`${field}.mountPath`));
    if (paths.has(mount.mountPath)) errors.push(invalidValue(`${field}.mountPath`, mount.mountPath, "must be unique"));
    paths.add(mount.mountPath);
    if (devices.some(({ name }) => name === mount.name))
      errors.push(invalidValue(`${field}.name`, mount.name, "must not already exist in volumeDevices"));
    if (devices.some(({ devicePath }) => devicePath === mount.mountPath)) {
      const detail = "must not already exist as a path in volumeDevices";
      errors.push(invalidValue(`${field}.mountPath`, mount.mountPath, detail));
    }
    if (mount.subPath) errors.push(...validateDescendingPath(mount.subPath, `${at}.subPath`));
    if (mount.subPathExpr) {
      if (mount.subPath)
        errors.push(invalidValue(`${field}.subPathExpr`, mount.subPathExpr, "subPathExpr and subPath are mutually exclusive"));
      errors.push(...validateDescendingPath(mount.subPathExpr, `${at}.subPathExpr`));
    }
    errors.push(...validateSharing(mount, at, container.securityContext?.privileged === true));
  });
  return errors;
}

function validateSharing(mount: VolumeMount, at: string, privileged: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const { mountPropagation: propagation, recursiveReadOnly: recursive } = mount;
  const propagations = ["Bidirectional", "HostToContainer", "None"];
  if (propagation !== undefined && !propagations.includes(propagation))
    errors.push(notSupported(`${at}.mountPropagation`, propagation, propagations));
  if (propagation === "Bidirectional" && !privileged) {
    const detail = "Bidirectional mount propagation is available only to privileged containers";
    errors.push(forbidden(`${at}.mountPropagation`, detail));
  }
  if (recursive === undefined || recursive === "Disabled") return errors;
  const field = `${at}.recursiveReadOnly`;
  if (recursive !== "Enabled" && recursive !== "IfPossible")
    return [...errors, notSupported(field, recursive, ["Disabled", "Enabled", "IfPossible"])];
  if (mount.readOnly !== true) errors.push(forbidden(field, "may only be specified when readOnly is true"));
  if (propagation !== undefined && propagation !== "None")
    errors.push(forbidden(field, "may only be specified when mountPropagation is None or not specified"));
  return errors;
}

/** A block device can come of a claim only, and is not mounted too. */
function validateDevices(container: Container, at: string, volumes: ReadonlyMap<string, Volume>): FieldError[] {
  const names = new Set<string>();
  const paths = new Set<string>();
  const mounts = container.volumeMounts ?? [];
  return (container.volumeDevices ?? []).flatMap(({ name, devicePath }, index) => {
    const field = `${at}[${index}]`;
    const volume = volumes.get(name);
    const errors: FieldError[] = [];
    const wrong = (part: "name" | "devicePath", detail: string): void =>
      void errors.push(invalidValue(`${field}.${part}`, part === "name" ? name : devicePath, detail));
    if (!name) errors.push(required(`${field}.name`));
    if (names.has(name)) wrong("name", "must be unique");
    if (volume !== undefined && volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined)
      wrong("name", "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    if (volume === undefined) errors.push(notFoundValue(`${field}.name`, name));
    if (!devicePath) errors.push(required(`${field}.devicePath`));
    if (paths.has(devicePath)) wrong("devicePath", "must be unique");
    if (validateNoBacksteps(devicePath, field).length > 0) wrong("devicePath", "can not contain backsteps ('..')");
    else paths.add(devicePath);
    if (mounts.some((mount) => mount.name === name)) wrong("name", "must not already exist in volumeMounts");
    if (mounts.some(({ mountPath }) => mountPath === devicePath))
      wrong("devicePath", "must not already exist as a path in volumeMounts");
    if (name) names.add(name);
    return errors;
  });
}

function validateResizePolicy(container: Container, at: string, restartPolicy: string | undefined): FieldError[] {
  const seen = new Set<string>();
  return (container.resizePolicy ?? []).flatMap(({ resourceName, restartPolicy: policy }, index) => {
    const errors: FieldError[] = [];
    if (seen.has(resourceName)) errors.push(duplicate(`${at}[${index}]`, resourceName));
    seen.add(resourceName);
    errors.push(...oneOf(at, resourceName, ["cpu", "memory"]), ...oneOf(at, policy, ["NotRequired", "RestartContainer"]));
    if (restartPolicy === "Never" && policy !== "NotRequired")
      errors.push(invalidValue(at, policy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    return errors;
  });
}

const mostRules = 20;
const mostExitCodes = 255;

/** A container's own policy, and the exit codes that change it. */
function validateRestart({ restartPolicy, restartPolicyRules: rules = [] }: Container, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (restartPolicy === undefined) {
    if (rules.length > 0) errors.push(required(`${at}.restartPolicy`, "must specify restartPolicy when restart rules are used"));
  } else if (!restartPolicies.includes(restartPolicy))
    errors.push(notSupported(`${at}.restartPolicy`, restartPolicy, restartPolicies));
  if (rules.length > mostRules) errors.push(tooMany(`${at}.restartPolicyRules`, rules.length, mostRules));
  rules.forEach(({ action, exitCodes }, index) => {
    const field = `${at}.restartPolicyRules[${index}]`;
    if (action !== "Restart") errors.push(notSupported(`${field}.action`, action, ["Restart"]));
    if (exitCodes === undefined) errors.push(required(`${field}.exitCodes`, "must be specified"));
    else {
      if (exitCodes.operator !== "In" && exitCodes.operator !== "NotIn")
        errors.push(notSupported(`${field}.exitCodes.operator`, exitCodes.operator, ["In", "NotIn"]));
      const count = exitCodes.values?.length ?? 0;
      if (count > mostExitCodes) errors.push(tooMany(`${field}.exitCodes.values`, count, mostExitCodes));
    }
  });
  return errors;
}
