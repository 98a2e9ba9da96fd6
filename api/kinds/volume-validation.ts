import { duplicate, forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { named, oneOf } from "../field-rules.ts";
import type {
  ClusterTrustBundleProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  Volume,
  VolumeProjection,
} from "../generated/types.ts";
import { validateLabelSelector } from "../label-selector-validation.ts";
import { dnsLabelErrors, subdomainErrors } from "../label-validation.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";
import { validateClaimTemplate } from "./claim-template-validation.ts";
import { validateFieldRef, validateResourceFieldRef } from "./env-validation.ts";
import { validateFilePath, validateNoBacksteps } from "./path-validation.ts";
import { sourceOf, validateDriver } from "./volume-driver-validation.ts";

const hostPathTypes = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const fileFields = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/** What is wrong with volumes, and those with which nothing is: only they can be mounted. */
export function validateVolumes(
  volumes: readonly Volume[],
  at: string,
  podName: string | undefined,
): { errors: FieldError[]; good: ReadonlyMap<string, Volume> } {
  const errors: FieldError[] = [];
  const good = new Map<string, Volume>();
  const claims = new Set(
    volumes.filter(({ ephemeral }) => ephemeral !== undefined).map(({ name }) => `${podName ?? ""}-${name}`),
  );
  volumes.forEach((volume, index) => {
    const field = `${at}[${index}]`;
    const found = validateSource(volume, field, podName);
    if (!volume.name) found.push(required(`${field}.name`));
    else found.push(...named(`${field}.name`, volume.name, dnsLabelErrors));
    if (good.has(volume.name)) found.push(duplicate(`${field}.name`, volume.name));
    if (found.length === 0) good.set(volume.name, volume);
    errors.push(...found);
    const claim = volume.persistentVolumeClaim?.claimName ?? "";
    if (podName !== undefined && claims.has(claim)) {
      const detail = "must not reference a PVC that gets created for an ephemeral volume";
      errors.push(invalidValue(`${field}.persistentVolumeClaim.claimName`, claim, detail));
    }
  });
  return { errors, good };
}

function validateSource(volume: Volume, at: string, podName: string | undefined): FieldError[] {
  const { source, errors } = sourceOf(volume, at);
  if (source === undefined) return [required(at, "must specify a volume type")];
  const { emptyDir, hostPath, configMap, secret, downwardAPI, projected, ephemeral, image } = volume;
  const field = `${at}.${source}`;
  const isFirst = (candidate: unknown): boolean => candidate === volume[source];
  if (emptyDir?.sizeLimit !== undefined && isNegative(emptyDir.sizeLimit))
    errors.unshift(forbidden(`${field}.sizeLimit`, "SizeLimit field must be a valid resource quantity"));
  if (hostPath && isFirst(hostPath)) errors.unshift(...validateHostPath(hostPath, field));
  else if (configMap && isFirst(configMap)) errors.unshift(...validateKeyed(configMap.name, "name", configMap, field));
  else if (secret && isFirst(secret)) errors.unshift(...validateKeyed(secret.secretName, "secretName", secret, field));
  else if (downwardAPI && isFirst(downwardAPI))
    errors.unshift(
      ...validateMode(downwardAPI.defaultMode, `${field}.defaultMode`),
      ...(downwardAPI.items ?? []).flatMap((file) => validateFile(file, field)),
    );
  else if (projected && isFirst(projected))
    errors.unshift(
      ...validateMode(projected.defaultMode, `${field}.defaultMode`),
      ...validateProjections(projected.sources ?? [], field),
    );
  else if (ephemeral && isFirst(ephemeral)) errors.unshift(...validateEphemeral(volume, at, podName));
  else if (image && isFirst(image)) errors.unshift(...validateImage(image, field, podName !== undefined));
  else errors.unshift(...validateDriver(volume, source, at));
  return errors;
}

/** The claim is called after the pod and the volume. */
function validateEphemeral({ name, ephemeral }: Volume, at: string, podName: string | undefined): FieldError[] {
  const field = `${at}.ephemeral.volumeClaimTemplate`;
  const template = ephemeral?.volumeClaimTemplate;
  const errors = template === undefined ? [required(field)] : validateClaimTemplate(template, field);
  if (!podName || !name) return errors;
  const claim = `${podName}-${name}`;
  const complaints = subdomainErrors(claim).map((complaint) => `PVC name ${JSON.stringify(claim)}: ${complaint}`);
  return [...errors, ...complaints.map((complaint) => invalidValue(`${at}.name`, name, complaint))];
}

/** A template may leave the image to be filled in later. */
function validateImage({ reference, pullPolicy }: NonNullable<Volume["image"]>, at: string, inPod: boolean): FieldError[] {
  return [
    ...(inPod && !reference ? [required(`${at}.reference`)] : []),
    ...oneOf(`${at}.pullPolicy`, pullPolicy, ["Always", "IfNotPresent", "Never"]),
  ];
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
    if (source.clusterTrustBundle) {
      errors.push(...validateTrustBundle(source.clusterTrustBundle, `${field}.clusterTrustBundle`));
      place(source.clusterTrustBundle.path, source.clusterTrustBundle.path);
    }
    if (Object.keys(source).length > 1) errors.push(forbidden(field, "may not specify more than 1 volume type per source"));
  });
  return errors;
}

function validateTrustBundle(bundle: ClusterTrustBundleProjection, at: string): FieldError[] {
  const { name, signerName, labelSelector, path } = bundle;
  const errors: FieldError[] = [];
  if (name !== undefined && signerName !== undefined)
    errors.push(invalidValue(at, bundle, "only one of name and signerName may be used"));
  else if (name !== undefined) {
    if (name === "") errors.push(required(`${at}.name`, "must be a valid object name"));
    if (labelSelector)
      errors.push(invalidValue(`${at}.labelSelector`, labelSelector, "labelSelector must be unset if name is specified"));
  } else if (signerName !== undefined) {
    if (signerName === "") errors.push(required(`${at}.signerName`, "must be a valid signer name"));
    errors.push(...validateLabelSelector(labelSelector, `${at}.labelSelector`));
  } else errors.push(required(at, "either name or signerName must be specified"));
  if (!path) errors.push(required(`${at}.path`));
  return [...errors, ...validateFilePath(path, `${at}.path`)];
}

function validateMode(mode: number | undefined, at: string): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  return [invalidValue(at, mode, "must be a number between 0 and 0777 (octal), both inclusive")];
}

function isNegative(quantity: string | number): boolean {
  return compareQuantities(parseQuantity(quantity), parseQuantity(0)) < 0;
}
