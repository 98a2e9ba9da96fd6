import { duplicate, forbidden, invalidValue, required, type FieldError } from "../field-error.ts";
import { named, oneOf } from "../field-rules.ts";
import type { KeyToPath, Volume } from "../generated/types.ts";
import { dnsLabelErrors } from "../label-validation.ts";

const hostPathTypes = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const media = ["", "Memory", "HugePages"];

export function validateVolumes(volumes: readonly Volume[], at: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  volumes.forEach((volume, index) => {
    const field = `${at}[${index}]`;
    if (!volume.name) errors.push(required(`${field}.name`));
    else errors.push(...named(`${field}.name`, volume.name, dnsLabelErrors));
    if (seen.has(volume.name)) errors.push(duplicate(`${field}.name`, volume.name));
    seen.add(volume.name);
    const sources = Object.keys(volume).filter((key) => key !== "name");
    if (sources.length === 0) errors.push(required(field, "must specify a volume type"));
    for (const extra of sources.slice(1)) errors.push(forbidden(`${field}.${extra}`, "may not specify more than 1 volume type"));
    errors.push(...validateSource(volume, field));
  });
  return errors;
}

function validateSource(volume: Volume, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const { hostPath, configMap, secret, emptyDir } = volume;
  if (hostPath) {
    if (!hostPath.path) errors.push(required(`${at}.hostPath.path`));
    else if (hostPath.path.split("/").includes(".."))
      errors.push(invalidValue(`${at}.hostPath.path`, hostPath.path, "must not contain '..'"));
    if (hostPath.type !== undefined && hostPath.type !== "")
      errors.push(...oneOf(`${at}.hostPath.type`, hostPath.type, hostPathTypes));
  }
  if (
    emptyDir?.medium !== undefined &&
    !media.some((medium) => emptyDir.medium === medium || emptyDir.medium?.startsWith("HugePages-"))
  ) {
    errors.push(...oneOf(`${at}.emptyDir.medium`, emptyDir.medium, media));
  }
  if (configMap) {
    if (!configMap.name) errors.push(required(`${at}.configMap.name`));
    errors.push(
      ...validateMode(configMap.defaultMode, `${at}.configMap.defaultMode`),
      ...validateItems(configMap.items ?? [], `${at}.configMap.items`),
    );
  }
  if (secret) {
    if (!secret.secretName) errors.push(required(`${at}.secret.secretName`));
    errors.push(
      ...validateMode(secret.defaultMode, `${at}.secret.defaultMode`),
      ...validateItems(secret.items ?? [], `${at}.secret.items`),
    );
  }
  return errors;
}

function validateItems(items: readonly KeyToPath[], at: string): FieldError[] {
  return items.flatMap((item, index) => {
    const field = `${at}[${index}]`;
    const errors = validateMode(item.mode, `${field}.mode`);
    if (!item.key) errors.push(required(`${field}.key`));
    if (!item.path) errors.push(required(`${field}.path`));
    else if (item.path.startsWith("/")) errors.push(invalidValue(`${field}.path`, item.path, "must be a relative path"));
    else if (item.path.split("/").includes("..")) errors.push(invalidValue(`${field}.path`, item.path, "must not contain '..'"));
    return errors;
  });
}

function validateMode(mode: number | undefined, at: string): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  return [invalidValue(at, mode, "must be a number between 0 and 0777 (octal), both inclusive")];
}
