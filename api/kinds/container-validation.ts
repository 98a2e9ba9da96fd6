import { forbidden, invalidValue, notFoundValue, notSupported, required, type FieldError } from "../field-error.ts";
import { named, negative, nonNegative, oneOf, portNumber } from "../field-rules.ts";
import type { Container, EnvVar, LifecycleHandler, Probe, ResourceRequirements, VolumeMount } from "../generated/types.ts";
import { dnsLabelErrors, labelKeyErrors } from "../label-validation.ts";
import { validateEnvName, validatePortName } from "../name-validation.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";

export function validateContainer(container: Container, at: string, volumes: ReadonlySet<string>, isInit: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (container.name === "" || (container.name as string | undefined) === undefined) errors.push(required(`${at}.name`));
  else errors.push(...named(`${at}.name`, container.name, dnsLabelErrors));
  if (container.image === undefined || container.image === "") errors.push(required(`${at}.image`));
  else if (container.image !== container.image.trim()) {
    errors.push(invalidValue(`${at}.image`, container.image, "must not have leading or trailing whitespace"));
  }
  errors.push(...oneOf(`${at}.imagePullPolicy`, container.imagePullPolicy, ["Always", "IfNotPresent", "Never"]));
  errors.push(...oneOf(`${at}.terminationMessagePolicy`, container.terminationMessagePolicy, ["File", "FallbackToLogsOnError"]));
  errors.push(...validatePorts(container, `${at}.ports`));
  (container.env ?? []).forEach((variable, index) => errors.push(...validateEnv(variable, `${at}.env[${index}]`)));
  (container.envFrom ?? []).forEach((source, index) => {
    const count = [source.configMapRef, source.secretRef].filter((reference) => reference !== undefined).length;
    if (count === 0)
      errors.push(invalidValue(`${at}.envFrom[${index}]`, "", "must specify one of: `configMapRef` or `secretRef`"));
    if (count > 1)
      errors.push(invalidValue(`${at}.envFrom[${index}]`, "", "may not have more than one field specified at a time"));
  });
  errors.push(...validateMounts(container.volumeMounts ?? [], `${at}.volumeMounts`, volumes));
  errors.push(...validateResources(container.resources ?? {}, `${at}.resources`));
  errors.push(...validateSecurity(container, `${at}.securityContext`));
  const restartable = isInit && container.restartPolicy === "Always";
  if (container.restartPolicy !== undefined && isInit)
    errors.push(...oneOf(`${at}.restartPolicy`, container.restartPolicy, ["Always", "OnFailure", "Never"]));
  if (isInit && !restartable) {
    for (const field of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const) {
      if (container[field] !== undefined) {
        errors.push(forbidden(`${at}.${field}`, "may not be set for init containers without restartPolicy=Always"));
      }
    }
    return errors;
  }
  if (container.livenessProbe) errors.push(...validateProbe(container.livenessProbe, `${at}.livenessProbe`, true));
  if (container.readinessProbe) errors.push(...validateProbe(container.readinessProbe, `${at}.readinessProbe`, false));
  if (container.startupProbe) errors.push(...validateProbe(container.startupProbe, `${at}.startupProbe`, true));
  const { postStart, preStop } = container.lifecycle ?? {};
  if (postStart) errors.push(...validateHandler(postStart, `${at}.lifecycle.postStart`));
  if (preStop) errors.push(...validateHandler(preStop, `${at}.lifecycle.preStop`));
  return errors;
}

function validatePorts(container: Container, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  (container.ports ?? []).forEach((port, index) => {
    const field = `${at}[${index}]`;
    if (port.name !== undefined && port.name !== "") {
      errors.push(...named(`${field}.name`, port.name, validatePortName));
      if (seen.has(port.name))
        errors.push({
          reason: "FieldValueDuplicate",
          message: `Duplicate value: ${JSON.stringify(port.name)}`,
          field: `${field}.name`,
        });
      seen.add(port.name);
    }
    if (!port.containerPort) errors.push(required(`${field}.containerPort`));
    else errors.push(...portNumber(`${field}.containerPort`, port.containerPort));
    if (port.hostPort !== undefined && port.hostPort !== 0) errors.push(...portNumber(`${field}.hostPort`, port.hostPort));
    errors.push(...oneOf(`${field}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]));
  });
  return errors;
}

function validateEnv(variable: EnvVar, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!variable.name) errors.push(required(`${at}.name`));
  else errors.push(...named(`${at}.name`, variable.name, validateEnvName));
  const from = variable.valueFrom;
  if (from === undefined) return errors;
  const sources = [from.fieldRef, from.resourceFieldRef, from.configMapKeyRef, from.secretKeyRef, from.fileKeyRef].filter(
    (source) => source !== undefined,
  );
  if (sources.length === 0) {
    errors.push(
      invalidValue(
        `${at}.valueFrom`,
        "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
      ),
    );
  }
  if (variable.value !== undefined && variable.value !== "" && sources.length > 0) {
    errors.push(invalidValue(`${at}.valueFrom`, "", "may not be specified when `value` is not empty"));
  }
  if (sources.length > 1)
    errors.push(invalidValue(`${at}.valueFrom`, "", "may not have more than one field specified at a time"));
  if (from.fieldRef !== undefined && !envFieldPath.test(from.fieldRef.fieldPath)) {
    errors.push(notSupported(`${at}.valueFrom.fieldRef.fieldPath`, from.fieldRef.fieldPath, envFields));
  }
  if (from.configMapKeyRef !== undefined && !from.configMapKeyRef.key)
    errors.push(required(`${at}.valueFrom.configMapKeyRef.key`));
  if (from.secretKeyRef !== undefined && !from.secretKeyRef.key) errors.push(required(`${at}.valueFrom.secretKeyRef.key`));
  if (from.resourceFieldRef !== undefined && !from.resourceFieldRef.resource)
    errors.push(required(`${at}.valueFrom.resourceFieldRef.resource`));
  return errors;
}

const envFields = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
const envFieldPath = new RegExp(`^(${envFields.join("|").replaceAll(".", "\\.")}|metadata\\.(labels|annotations)\\['[^']+'\\])$`);

function validateMounts(mounts: readonly VolumeMount[], at: string, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  mounts.forEach((mount, index) => {
    const field = `${at}[${index}]`;
    if (!mount.name) errors.push(required(`${field}.name`));
    else if (!volumes.has(mount.name)) errors.push(notFoundValue(`${field}.name`, mount.name));
    if (!mount.mountPath) errors.push(required(`${field}.mountPath`));
    else if (paths.has(mount.mountPath)) errors.push(invalidValue(`${field}.mountPath`, mount.mountPath, "must be unique"));
    paths.add(mount.mountPath);
    if (mount.subPath !== undefined && (mount.subPath.startsWith("/") || mount.subPath.split("/").includes(".."))) {
      const detail = mount.subPath.startsWith("/") ? "must be a relative path" : "must not contain '..'";
      errors.push(invalidValue(`${field}.subPath`, mount.subPath, detail));
    }
  });
  return errors;
}

const standardResources = new Set(["cpu", "memory", "ephemeral-storage"]);

export function validateResources(resources: ResourceRequirements, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const part of ["limits", "requests"] as const) {
    for (const [resource, quantity] of Object.entries(resources[part] ?? {})) {
      const field = `${at}.${part}[${resource}]`;
      for (const complaint of labelKeyErrors(resource)) errors.push(invalidValue(`${at}.${part}`, resource, complaint));
      if (!standardResources.has(resource) && !resource.startsWith("hugepages-") && !resource.includes("/")) {
        errors.push(invalidValue(`${at}.${part}`, resource, "must be a standard resource type or fully qualified"));
        errors.push(invalidValue(`${at}.${part}`, resource, "must be a standard resource for containers"));
      }
      if (compareQuantities(parseQuantity(quantity), parseQuantity(0)) < 0) {
        errors.push(invalidValue(field, String(quantity), "must be greater than or equal to 0"));
      }
    }
  }
  for (const [resource, request] of Object.entries(resources.requests ?? {})) {
    const limit = resources.limits?.[resource];
    if (limit === undefined) continue;
    if (compareQuantities(parseQuantity(request), parseQuantity(limit)) > 0) {
      const detail = `must be less than or equal to ${resource} limit of ${String(limit)}`;
      errors.push(invalidValue(`${at}.requests`, String(request), detail));
    }
  }
  return errors;
}

function validateSecurity(container: Container, at: string): FieldError[] {
  const security = container.securityContext;
  if (security === undefined) return [];
  const errors = [...nonNegative(`${at}.runAsUser`, security.runAsUser), ...nonNegative(`${at}.runAsGroup`, security.runAsGroup)];
  if (security.allowPrivilegeEscalation === false) {
    if (security.privileged === true) {
      errors.push(invalidValue(at, security, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
    }
    if ((security.capabilities?.add ?? []).some((capability) => capability === "CAP_SYS_ADMIN" || capability === "SYS_ADMIN")) {
      errors.push(
        invalidValue(at, security, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"),
      );
    }
  }
  return errors;
}

function validateProbe(probe: Probe, at: string, mustSucceedOnce: boolean): FieldError[] {
  const errors = validateHandler(probe, at);
  for (const field of [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
  ] as const) {
    const value = probe[field];
    if (value !== undefined && value < 0) errors.push(negative(`${at}.${field}`, value));
  }
  if (mustSucceedOnce && probe.successThreshold !== undefined && probe.successThreshold !== 1) {
    errors.push(invalidValue(`${at}.successThreshold`, probe.successThreshold, "must be 1"));
  }
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0) {
    errors.push(
      invalidValue(`${at}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, "must be greater than 0"),
    );
  }
  return errors;
}

function validateHandler(handler: Probe | LifecycleHandler, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const kinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;
  const given = kinds.filter((kind) => kind in handler);
  if (given.length === 0) return [required(at, "must specify a handler type")];
  for (const kind of given.slice(1)) errors.push(forbidden(`${at}.${kind}`, "may not specify more than 1 handler type"));
  if (handler.exec && (handler.exec.command ?? []).length === 0) errors.push(required(`${at}.exec.command`));
  if (handler.httpGet) {
    if (!handler.httpGet.path) errors.push(required(`${at}.httpGet.path`));
    errors.push(
      ...oneOf(`${at}.httpGet.scheme`, handler.httpGet.scheme, ["HTTP", "HTTPS"]),
      ...validatePort(handler.httpGet.port, `${at}.httpGet.port`),
    );
  }
  if (handler.tcpSocket) errors.push(...validatePort(handler.tcpSocket.port, `${at}.tcpSocket.port`));
  return errors;
}

function validatePort(port: number | string, at: string): FieldError[] {
  return typeof port === "number" ? portNumber(at, port) : named(at, port, validatePortName);
}
