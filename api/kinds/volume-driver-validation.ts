import { isIP } from "node:net";
import { forbidden, invalidValue, notSupported, required, tooLong, type FieldError } from "../field-error.ts";
import { inRange, named } from "../field-rules.ts";
import type {
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  ISCSIVolumeSource,
  QuobyteVolumeSource,
  StorageOSVolumeSource,
  Volume,
} from "../generated/types.ts";
import { dnsLabelErrors, subdomainErrors } from "../label-validation.ts";
import { validateDescendingPath } from "./path-validation.ts";

type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Fields that must say something, where a driver asks for nothing more. */
const neededFields: Readonly<Partial<Record<keyof Volume, readonly string[]>>> = {
  gitRepo: ["repository"],
  gcePersistentDisk: ["pdName"],
  awsElasticBlockStore: ["volumeID"],
  nfs: ["server", "path"],
  glusterfs: ["endpoints", "path"],
  persistentVolumeClaim: ["claimName"],
  rbd: ["monitors", "image"],
  cinder: ["volumeID"],
  cephfs: ["monitors"],
  flexVolume: ["driver"],
  azureFile: ["secretName", "shareName"],
  vsphereVolume: ["volumePath"],
  photonPersistentDisk: ["pdID"],
  portworxVolume: ["volumeID"],
  azureDisk: ["diskName", "diskURI"],
  scaleIO: ["gateway", "system", "volumeName"],
};

/** Upstream names this one by what it once was called. */
const pathNames: Readonly<Partial<Record<keyof Volume, string>>> = { gcePersistentDisk: "persistentDisk" };

/** The rules of a volume that a storage driver provides. `source` is the one that counts. */
export function validateDriver(volume: Volume, source: keyof Volume, at: string): FieldError[] {
  const field = `${at}.${pathNames[source] ?? source}`;
  const value = volume[source] as unknown as Readonly<Record<string, unknown>>;
  const missing = (neededFields[source] ?? []).filter((name) => isEmpty(value[name]));
  return [...missing.map((name) => required(`${field}.${name}`)), ...validateMore(volume, source, field, at)];
}

function validateMore(volume: Volume, source: keyof Volume, field: string, at: string): FieldError[] {
  switch (source) {
    case "gitRepo":
      return validateDescendingPath(volume.gitRepo?.directory ?? "", `${field}.directory`);
    case "gcePersistentDisk":
    case "awsElasticBlockStore":
      return validatePartition(volume[source]?.partition ?? 0, `${field}.partition`);
    case "nfs":
      return isAbsolute(volume.nfs?.path)
        ? []
        : [invalidValue(`${field}.path`, volume.nfs?.path ?? "", "must be an absolute path")];
    case "iscsi":
      return validateIscsi(volume.iscsi ?? {}, volume.name, field, at);
    case "flocker":
      return validateFlocker(volume.flocker ?? {}, field);
    case "cinder":
      return validateSecretName(volume.cinder?.secretRef, field);
    case "quobyte":
      return validateQuobyte(volume.quobyte ?? {}, field);
    case "fc":
      return validateFibre(volume.fc ?? {}, field);
    case "flexVolume":
      return validateFlexOptions(volume.flexVolume?.options ?? {}, `${field}.options`);
    case "azureDisk":
      return validateAzureDisk(volume.azureDisk ?? {}, field);
    case "storageos":
      return validateStorageOs(volume.storageos ?? {}, field);
    case "csi":
      return validateCsi(volume, field);
    default:
      return [];
  }
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

function isAbsolute(path: string | undefined): boolean {
  return path?.startsWith("/") ?? false;
}

/** Zero is no partition; upstream's words do not say so. */
function validatePartition(partition: number, at: string): FieldError[] {
  return partition === 0 ? [] : inRange(at, partition, 1, 255);
}

function validateSecretName(reference: { readonly name?: string } | undefined, at: string): FieldError[] {
  return reference !== undefined && !reference.name ? [required(`${at}.secretRef.name`)] : [];
}

const qualifiedNames = /iqn\.\d{4}-\d{2}\.([[A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$/;
const nameForms: readonly (readonly [prefix: string, form: RegExp])[] = [
  ["iqn", qualifiedNames],
  ["eui", /^eui.[A-Za-z0-9]{16}$/],
  ["naa", /^naa.[A-Za-z0-9]{32}$/],
];

function validateIscsiName(name: string, at: string): FieldError[] {
  const form = nameForms.find(([prefix]) => name.startsWith(prefix));
  if (form === undefined) return [invalidValue(at, name, "must be valid format starting with iqn, eui, or naa")];
  return form[1].test(name) ? [] : [invalidValue(at, name, "must be valid format")];
}

function validateIscsi(source: Loose<ISCSIVolumeSource>, volumeName: string, field: string, at: string): FieldError[] {
  const { targetPortal = "", iqn = "", lun = 0, initiatorName } = source;
  const errors: FieldError[] = [];
  if (targetPortal === "") errors.push(required(`${field}.targetPortal`));
  errors.push(...(iqn === "" ? [required(`${field}.iqn`)] : validateIscsiName(iqn, `${field}.iqn`)));
  errors.push(...inRange(`${field}.lun`, lun, 0, 255));
  if ((source.chapAuthDiscovery === true || source.chapAuthSession === true) && source.secretRef === undefined)
    errors.push(required(`${field}.secretRef`));
  if (initiatorName === undefined) return errors;
  errors.push(...validateIscsiName(initiatorName, `${field}.initiatorname`));
  if (`${volumeName}:${targetPortal}`.length > 64) {
    const detail =
      "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
    errors.push(invalidValue(`${at}.name`, volumeName, detail));
  }
  return errors;
}

function validateFlocker({ datasetName = "", datasetUUID = "" }: Loose<FlockerVolumeSource>, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (datasetName === "" && datasetUUID === "") errors.push(required(at, "one of datasetName and datasetUUID is required"));
  if (datasetName !== "" && datasetUUID !== "")
    errors.push(invalidValue(at, "resource", "datasetName and datasetUUID can not be specified simultaneously"));
  if (datasetName.includes("/")) errors.push(invalidValue(`${at}.datasetName`, datasetName, "must not contain '/'"));
  return errors;
}

function validateQuobyte({ registry = "", tenant = "", volume = "" }: Loose<QuobyteVolumeSource>, at: string): FieldError[] {
  const pairs = "must be a host:port pair or multiple pairs separated by commas";
  const errors: FieldError[] = [];
  if (registry === "") errors.push(required(`${at}.registry`, pairs));
  else if (tenant.length > 64)
    errors.push(required(`${at}.tenant`, "must be a UUID and may not exceed a length of 64 characters"));
  else
    for (const pair of registry.split(",")) {
      if (!isHostAndPort(pair)) errors.push(invalidValue(`${at}.registry`, registry, pairs));
    }
  if (volume === "") errors.push(required(`${at}.volume`));
  return errors;
}

function isHostAndPort(text: string): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:[\]]*)):[^:[\]]*$/.exec(text) ?? [];
  return bracketed === undefined ? plain !== undefined : isIP(bracketed) === 6 || bracketed === "";
}

function validateFibre({ targetWWNs = [], wwids = [], lun }: Loose<FCVolumeSource>, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (targetWWNs.length === 0 && wwids.length === 0)
    errors.push(required(`${at}.targetWWNs`, "must specify either targetWWNs or wwids, but not both"));
  if (targetWWNs.length === 0) return errors;
  if (wwids.length > 0)
    errors.push(invalidValue(`${at}.targetWWNs`, targetWWNs, "targetWWNs and wwids can not be specified simultaneously"));
  if (lun === undefined) errors.push(required(`${at}.lun`, "lun is required if targetWWNs is specified"));
  else errors.push(...inRange(`${at}.lun`, lun, 0, 255));
  return errors;
}

function validateFlexOptions(options: Readonly<Record<string, string>>, at: string): FieldError[] {
  const reserved = (key: string): boolean => /\.(kubernetes|k8s)\.io$/.test(`.${(key.split("/", 2)[0] ?? "").toLowerCase()}`);
  return Object.keys(options)
    .filter(reserved)
    .map((key) => invalidValue(`${at}[${key}]`, key, "kubernetes.io and k8s.io namespaces are reserved"));
}

function validateAzureDisk({ cachingMode, kind, diskURI = "" }: Loose<AzureDiskVolumeSource>, at: string): FieldError[] {
  const modes = ["None", "ReadOnly", "ReadWrite"];
  const kinds = ["Dedicated", "Managed", "Shared"];
  const errors: FieldError[] = [];
  if (cachingMode !== undefined && !modes.includes(cachingMode))
    errors.push(notSupported(`${at}.cachingMode`, cachingMode, modes));
  if (kind === undefined) return errors;
  if (!kinds.includes(kind)) errors.push(notSupported(`${at}.kind`, kind, kinds));
  const managed = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
  const blob = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
  if (kind === "Managed" && !diskURI.startsWith("/subscriptions/"))
    errors.push(notSupported(`${at}.diskURI`, diskURI, [managed]));
  if (kind !== "Managed" && !diskURI.startsWith("https://")) errors.push(notSupported(`${at}.diskURI`, diskURI, [blob]));
  return errors;
}

function validateStorageOs(
  { volumeName = "", volumeNamespace = "", secretRef }: Loose<StorageOSVolumeSource>,
  at: string,
): FieldError[] {
  return [
    ...(volumeName === "" ? [required(`${at}.volumeName`)] : named(`${at}.volumeName`, volumeName, dnsLabelErrors)),
    ...(volumeNamespace === "" ? [] : named(`${at}.volumeNamespace`, volumeNamespace, dnsLabelErrors)),
    ...validateSecretName(secretRef, at),
  ];
}

const longestDriverName = 63;

function validateCsi({ csi }: Volume, at: string): FieldError[] {
  const { driver = "", nodePublishSecretRef: secret }: Loose<NonNullable<Volume["csi"]>> = csi ?? {};
  const errors: FieldError[] = [];
  if (driver === "") errors.push(required(`${at}.driver`));
  if (driver.length > longestDriverName) errors.push(tooLong(`${at}.driver`, longestDriverName));
  for (const complaint of subdomainErrors(driver.toLowerCase())) errors.push(invalidValue(`${at}.driver`, driver, complaint));
  if (secret === undefined) return errors;
  if (!secret.name) return [...errors, required(`${at}.nodePublishSecretRef.name`)];
  return [...errors, ...named(`${at}.name`, secret.name, subdomainErrors)];
}

/** In upstream's order: of several sources the first counts. The words of two of the paths are upstream's too. */
const sources: readonly (readonly [source: keyof Volume, path?: string])[] = [
  ["emptyDir"],
  ["hostPath"],
  ["gitRepo"],
  ["gcePersistentDisk"],
  ["awsElasticBlockStore"],
  ["secret"],
  ["nfs"],
  ["iscsi"],
  ["glusterfs"],
  ["flocker"],
  ["persistentVolumeClaim"],
  ["rbd"],
  ["cinder"],
  ["cephfs", "cephFS"],
  ["quobyte"],
  ["downwardAPI", "downwarAPI"],
  ["fc"],
  ["flexVolume"],
  ["configMap"],
  ["azureFile"],
  ["vsphereVolume"],
  ["photonPersistentDisk"],
  ["portworxVolume"],
  ["azureDisk"],
  ["storageos"],
  ["projected"],
  ["scaleIO"],
  ["csi"],
  ["ephemeral"],
  ["image"],
];

/** Which source of a volume counts, and what is said of others beside it. */
export function sourceOf(volume: Volume, at: string): { source: keyof Volume | undefined; errors: FieldError[] } {
  const [first, ...others] = sources.filter(([source]) => volume[source] !== undefined);
  const errors = others.map(([source, path]) => forbidden(`${at}.${path ?? source}`, "may not specify more than 1 volume type"));
  return { source: first?.[0], errors };
}
