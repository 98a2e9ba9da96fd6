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
import type { Container, VolumeMount } from "../generated/types.ts";
import { dnsLabelErrors } from "../label-validation.ts";
import { validatePortName } from "../name-validation.ts";
import { validateEnv, validateEnvFrom } from "./env-validation.ts";
import { validateDescendingPath } from "./path-validation.ts";
import { validateProbes } from "./probe-validation.ts";
import { validateResources } from "./resources-validation.ts";
import { validateContainerSecurity } from "./security-validation.ts";

/** What of its pod matters to the rules of a container. */
export interface ContainerSurroundings {
  /** Names of volumes that are good themselves. */
  readonly volumes: ReadonlySet<string>;
  /** Names of the pod's resource claims. */
  readonly claims: ReadonlySet<string>;
  readonly restartPolicy: string | undefined;
  readonly gracePeriod: number | undefined;
  readonly hostUsers: boolean;
}

const restartPolicies = ["Always", "Never", "OnFailure"];

export function validateContainer(container: Container, at: string, pod: ContainerSurroundings, isInit: boolean): FieldError[] {
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
  if (!isInit || container.restartPolicy === "Always") return [...errors, ...validateProbes(container, at, pod.gracePeriod)];
  for (const field of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const)
    if (container[field] !== undefined)
      errors.push(forbidden(`${at}.${field}`, "may not be set for init containers without restartPolicy=Always"));
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
function validateMounts(container: Container, at: string, volumes: ReadonlySet<string>): FieldError[] {
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

function validateDevices(container: Container, at: string, volumes: ReadonlySet<string>): FieldError[] {
  return (container.volumeDevices ?? []).flatMap((device, index) => {
    const field = `${at}[${index}]`;
    const errors: FieldError[] = [];
    if (!device.name) errors.push(required(`${field}.name`));
    if (!volumes.has(device.name)) errors.push(notFoundValue(`${field}.name`, device.name));
    if (!device.devicePath) errors.push(required(`${field}.devicePath`));
    else if (device.devicePath.split("/").includes(".."))
      errors.push(invalidValue(`${field}.devicePath`, device.devicePath, "can not contain backsteps ('..')"));
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
