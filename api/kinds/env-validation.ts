import { invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector } from "../generated/types.ts";
import { labelKeyErrors, subdomainErrors } from "../label-validation.ts";
import { validateConfigKey, validateEnvName } from "../name-validation.ts";
import { canonicalQuantity } from "../quantity.ts";

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

const tooMany = "may not have more than one field specified at a time";

export function validateEnv(variables: readonly EnvVar[], at: string): FieldError[] {
  return variables.flatMap((variable, index) => {
    const field = `${at}[${index}]`;
    const name = variable.name ? named(`${field}.name`, variable.name, validateEnvName) : [required(`${field}.name`)];
    return [...name, ...validateValueFrom(variable, `${field}.valueFrom`)];
  });
}

function validateValueFrom({ value, valueFrom }: EnvVar, at: string): FieldError[] {
  if (valueFrom === undefined) return [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  const errors: FieldError[] = [];
  if (fieldRef) errors.push(...validateFieldRef(fieldRef, envFields, `${at}.fieldRef`));
  if (resourceFieldRef) errors.push(...validateResourceFieldRef(resourceFieldRef, `${at}.resourceFieldRef`, false));
  if (configMapKeyRef) errors.push(...validateKeyRef(configMapKeyRef, `${at}.configMapKeyRef`));
  if (secretKeyRef) errors.push(...validateKeyRef(secretKeyRef, `${at}.secretKeyRef`));
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(
    (source) => source !== undefined,
  );
  if (sources.length === 0) {
    const choices = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
    errors.push(invalidValue(at, "", `must specify one of: ${choices}`));
  } else if (value !== undefined && value !== "") {
    errors.push(invalidValue(at, "", "may not be specified when `value` is not empty"));
  } else if (sources.length > 1) errors.push(invalidValue(at, "", tooMany));
  return errors;
}

function validateKeyRef(reference: { readonly name?: string; readonly key: string }, at: string): FieldError[] {
  const key = reference.key ? named(`${at}.key`, reference.key, validateConfigKey) : [required(`${at}.key`)];
  return [...named(`${at}.name`, reference.name ?? "", subdomainErrors), ...key];
}

/** The fields of a pod that a container may be told. `choices` are those without a subscript. */
export function validateFieldRef(reference: ObjectFieldSelector, choices: readonly string[], at: string): FieldError[] {
  const { fieldPath } = reference;
  if (!fieldPath) return [required(`${at}.fieldPath`)];
  const [, path = "", key = ""] = /^(.*)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (path === "") return choices.includes(fieldPath) ? [] : [notSupported(`${at}.fieldPath`, fieldPath, choices)];
  if (path === "metadata.labels") return named(at, key, labelKeyErrors);
  if (path === "metadata.annotations") return named(at, key.toLowerCase(), labelKeyErrors);
  return [invalidValue(at, path, "does not support subscript")];
}

const resourceFields = ["cpu", "ephemeral-storage", "memory"].flatMap((name) => [`limits.${name}`, `requests.${name}`]).sort();
const byteDivisors = ["1", ...["k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].map((unit) => `1${unit}`)];

/** What a container may be told of a container's resources. In a volume it must say of which. */
export function validateResourceFieldRef(reference: ResourceFieldSelector, at: string, inVolume: boolean): FieldError[] {
  const { containerName, resource, divisor = "0" } = reference;
  const errors: FieldError[] = [];
  const isHugePages = /^(limits|requests)\.hugepages-/.test(resource);
  if (inVolume && !containerName) errors.push(required(`${at}.containerName`));
  else if (!resource) errors.push(required(`${at}.resource`));
  else if (!resourceFields.includes(resource) && !isHugePages)
    errors.push(notSupported(`${at}.resource`, resource, resourceFields));
  const written = canonicalQuantity(divisor);
  if (written === "0") return errors;
  if (resource.endsWith(".cpu") && written !== "1" && written !== "1m")
    errors.push(invalidValue(`${at}.divisor`, resource, "only divisor's values 1m and 1 are supported with the cpu resource"));
  const ofBytes = resource.endsWith(".memory")
    ? "memory"
    : resource.endsWith(".ephemeral-storage")
      ? "local ephemeral storage"
      : isHugePages
        ? "hugepages"
        : undefined;
  if (ofBytes !== undefined && !byteDivisors.includes(written)) {
    const detail = `only divisor's values ${byteDivisors.join(", ")} are supported with the ${ofBytes} resource`;
    errors.push(invalidValue(`${at}.divisor`, resource, detail));
  }
  return errors;
}

export function validateEnvFrom(sources: readonly EnvFromSource[], at: string): FieldError[] {
  return sources.flatMap(({ prefix, configMapRef, secretRef }, index) => {
    const field = `${at}[${index}]`;
    const errors = prefix ? named(`${field}.prefix`, prefix, validateEnvName) : [];
    for (const [name, reference] of Object.entries({ configMapRef, secretRef })) {
      if (reference === undefined) continue;
      const nameAt = `${field}.${name}.name`;
      errors.push(...(reference.name ? named(nameAt, reference.name, subdomainErrors) : [required(nameAt)]));
    }
    if (configMapRef === undefined && secretRef === undefined)
      errors.push(invalidValue(at, "", "must specify one of: `configMapRef` or `secretRef`"));
    if (configMapRef !== undefined && secretRef !== undefined) errors.push(invalidValue(at, "", tooMany));
    return errors;
  });
}
