import { forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate } from "../generated/types.ts";
import { validateLabelSelector } from "../label-selector-validation.ts";
import { subdomainErrors } from "../label-validation.ts";
import { validateAnnotations, validateLabels } from "../metadata-validation.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";

const accessModes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const volumeModes = ["Block", "Filesystem"];
const oncePerPod = "ReadWriteOncePod";

/** The rules of a claim that is made for one pod (upstream: ValidatePersistentVolumeClaimTemplate). */
export function validateClaimTemplate({ metadata = {}, spec }: Partial<PersistentVolumeClaimTemplate>, at: string): FieldError[] {
  const others = Object.keys(metadata).filter((field) => field !== "labels" && field !== "annotations");
  return [
    ...validateAnnotations(metadata.annotations, `${at}.metadata.annotations`),
    ...validateLabels(metadata.labels, `${at}.metadata.labels`),
    ...others.map((field) => forbidden(`${at}.metadata.${field}`, "cannot be set")),
    ...validateClaimSpec(spec ?? {}, `${at}.spec`),
  ];
}

function validateClaimSpec(spec: PersistentVolumeClaimSpec, at: string): FieldError[] {
  const { accessModes: modes = [], storageClassName, volumeAttributesClassName, volumeMode } = spec;
  const errors = modes.length === 0 ? [required(`${at}.accessModes`, "at least 1 access mode is required")] : [];
  errors.push(...validateLabelSelector(spec.selector, `${at}.selector`));
  for (const mode of modes) if (!accessModes.includes(mode)) errors.push(notSupported(`${at}.accessModes`, mode, accessModes));
  if (modes.includes(oncePerPod) && modes.some((mode) => mode !== oncePerPod && accessModes.includes(mode)))
    errors.push(forbidden(`${at}.accessModes`, `may not use ${oncePerPod} with other access modes`));
  const storage = spec.resources?.requests?.["storage"];
  const storageAt = `${at}.resources[storage]`;
  if (storage === undefined) errors.push(required(storageAt));
  else if (compareQuantities(parseQuantity(storage), parseQuantity(0)) <= 0)
    errors.push(invalidValue(storageAt, String(storage), "must be greater than zero"));
  if (storageClassName) errors.push(...named(`${at}.storageClassName`, storageClassName, subdomainErrors));
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode))
    errors.push(notSupported(`${at}.volumeMode`, volumeMode, volumeModes));
  if (volumeAttributesClassName)
    errors.push(...named(`${at}.volumeAttributesClassName`, volumeAttributesClassName, subdomainErrors));
  return errors;
}
