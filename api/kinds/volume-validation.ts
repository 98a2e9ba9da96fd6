import { duplicate, forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection } from "../generated/types.ts";
import { dnsLabelErrors } from "../label-validation.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";
import { validateFieldRef, validateResourceFieldRef } from "./env-validation.ts";
import { validateFilePath, validateNoBacksteps } from "./path-validation.ts";

const hostPathTypes = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const fileFields = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/** What is wrong with volumes, and the names of those with which nothing is: only they can be mounted. */
export function validateVolumes(volumes: readonly Volume[], at: string): { errors: FieldError[]; good: ReadonlySet<string> } {
  const errors: FieldError[] = [];
  const good = new Set<string>();
  volumes.forEach((volume, index) => {
    const field = `${at}[${index}]`;
    const found = validateSources(volume, field);
    if (!volume.name) found.push(required(`${field}.name`));
    else found.push(...named(`${field}.name`, volume.name, dnsLabelErrors));
    if (good.has(volume.name)) found.push(duplicate(`${field}.name`, volume.name));
    if (found.length === 0) good.add(volume.name);
    errors.push(...found);
  });
  return { errors, good };
}

function validateSources(volume: Volume, at: string): FieldError[] {
  const sources = Object.keys(volume).filter((key) => key !== "name");
  const errors = sources.slice(1).map((extra) => forbidden(`${at}.${extra}`, "may not specify more than 1 volume type"));
  if (sources.length === 0) return [required(at, "must specify a volume type")];
  const { emptyDir, hostPath, configMap, secret, downwardAPI, projected, persistentVolumeClaim: claim, nfs } = volume;
  if (emptyDir?.sizeLimit !== undefined && isNegative(emptyDir.sizeLimit))
    errors.push(forbidden(`${at}.emptyDir.sizeLimit`, "SizeLimit field must be a valid resource quantity"));
  if (hostPath) errors.push(...validateHostPath(hostPath, `${at}.hostPath`));
  if (configMap) errors.push(...validateKeyed(configMap.name, "name", configMap, `${at}.configMap`));
  if (secret) errors.push(...validateKeyed(secret.secretName, "secretName", secret, `${at}.secret`));
  if (downwardAPI) {
    errors.push(...validateMode(downwardAPI.defaultMode, `${at}.downwardAPI.defaultMode`));
    for (const file of downwardAPI.items ?? []) errors.push(...validateFile(file, `${at}.downwardAPI`));
  }
  if (projected) {
    errors.push(...validateMode(projected.defaultMode, `${at}.projected.defaultMode`));
    errors.push(...validateProjections(projected.sources ?? [], `${at}.projected`));
  }
  if (claim && !claim.claimName) errors.push(required(`${at}.persistentVolumeClaim.claimName`));
  if (nfs) {
    if (!nfs.server) errors.push(required(`${at}.nfs.server`));
    if (!nfs.path) errors.push(required(`${at}.nfs.path`));
    if (!nfs.path.startsWith("/")) errors.push(invalidValue(`${at}.nfs.path`, nfs.path, "must be an absolute path"));
  }
  return errors;
}

function validateHostPath({ path, type }: NonNullable<Volume["hostPath"]>, at: string): FieldError[] {
  if (!path) return [required(`${at}.path`)];
  const errors = validateNoBacksteps(path, `${at}.path`);
  if (type !== undefined && !hostPathTypes.includes(type)) errors.push(notSupported(`${at}.type`, type, hostPathTypes));
  return errors;
}

interface Keyed {
  readonly defaultMode?: number;
  readonly items?: readonly KeyToPath[];
}

function validateKeyed(name: string | undefined, nameField: string, { defaultMode, items }: Keyed, at: string): FieldError[] {
  return [
    ...(name ? [] : [required(`${at}.${nameField}`)]),
    ...validateMode(defaultMode, `${at}.defaultMode`),
    ...validateItems(items ?? [], `${at}.items`),
  ];
}

function validateItems(items: readonly KeyToPath[], at: string): FieldError[] {
  return items.flatMap((item, index) => {
    const field = `${at}[${index}]`;
    return [
      ...(item.key ? [] : [required(`${field}.key`)]),
      ...(item.path ? [] : [required(`${field}.path`)]),
      ...validateFilePath(item.path, `${field}.path`),
      ...validateMode(item.mode, `${field}.mode`),
    ];
  });
}

function validateFile(file: DownwardAPIVolumeFile, at: string): FieldError[] {
  const errors = [...(file.path ? [] : [required(`${at}.path`)]), ...validateFilePath(file.path, `${at}.path`)];
  const { fieldRef, resourceFieldRef } = file;
  if (fieldRef) {
    errors.push(...validateFieldRef(fieldRef, fileFields, `${at}.fieldRef`));
    if (resourceFieldRef) {
      const detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
      errors.push(invalidValue(at, "resource", detail));
    }
  } else if (resourceFieldRef) errors.push(...validateResourceFieldRef(resourceFieldRef, `${at}.resourceFieldRef`, true));
  else errors.push(required(at, "one of fieldRef and resourceFieldRef is required"));
  return [...errors, ...validateMode(file.mode, `${at}.mode`)];
}

const shortestToken = 600;
const longestToken = 2 ** 32;

function validateProjections(sources: readonly VolumeProjection[], at: string): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  const place = (path: string, named: string): void => {
    if (path !== "" && paths.has(path)) errors.push(invalidValue(at, named, "conflicting duplicate paths"));
    paths.add(path);
  };
  sources.forEach((source, index) => {
    const field = `${at}.sources[${index}]`;
    for (const kind of ["secret", "configMap"] as const) {
      const projection = source[kind];
      if (projection === undefined) continue;
      if (!projection.name) errors.push(required(`${field}.${kind}.name`));
      errors.push(...validateItems(projection.items ?? [], `${field}.${kind}.items`));
      for (const { path } of projection.items ?? []) place(path, projection.name ?? "");
    }
    for (const file of source.downwardAPI?.items ?? []) {
      errors.push(...validateFile(file, `${field}.downwardAPI`));
      place(file.path, file.path);
    }
    const token = source.serviceAccountToken;
    if (token) {
      const { expirationSeconds = 3600, path } = token;
      const lifetime = `${field}.serviceAccountToken.expirationSeconds`;
      if (expirationSeconds < shortestToken)
        errors.push(invalidValue(lifetime, expirationSeconds, "may not specify a duration less than 10 minutes"));
      if (expirationSeconds > longestToken)
        errors.push(invalidValue(lifetime, expirationSeconds, "may not specify a duration larger than 2^32 seconds"));
      errors.push(...(path ? validateFilePath(path, `${at}.path`) : [required(`${at}.path`)]));
    }
    if (Object.keys(source).length > 1) errors.push(forbidden(field, "may not specify more than 1 volume type per source"));
  });
  return errors;
}

function validateMode(mode: number | undefined, at: string): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  return [invalidValue(at, mode, "must be a number between 0 and 0777 (octal), both inclusive")];
}

function isNegative(quantity: string | number): boolean {
  return compareQuantities(parseQuantity(quantity), parseQuantity(0)) < 0;
}
