import { forbidden, immutable, invalidValue, required, tooLong, type FieldError } from "./field-error.ts";
import type { ObjectMeta, OwnerReference } from "./generated/types.ts";
import { labelKeyErrors, labelValueErrors, subdomainErrors } from "./label-validation.ts";

const annotationsLimit = 256 * 1024;

/** The rules every object's metadata obeys (upstream: apimachinery/pkg/api/validation/objectmeta.go). */
export function validateMetadata(
  metadata: ObjectMeta,
  namespaced: boolean,
  validateName: (name: string) => string[] = subdomainErrors,
): FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.generateName !== undefined && metadata.generateName !== "") {
    // What is appended ends the name well, so a prefix may end in a hyphen.
    const prefix = metadata.generateName.replace(/-$/, "a");
    for (const complaint of validateName(prefix))
      errors.push(invalidValue("metadata.generateName", metadata.generateName, complaint));
  }
  if (metadata.name === undefined || metadata.name === "") {
    errors.push(required("metadata.name", "name or generateName is required"));
  } else {
    for (const complaint of validateName(metadata.name)) errors.push(invalidValue("metadata.name", metadata.name, complaint));
  }
  if (!namespaced && metadata.namespace !== undefined && metadata.namespace !== "") {
    errors.push(forbidden("metadata.namespace", "not allowed on this type"));
  }
  errors.push(...validateLabels(metadata.labels, "metadata.labels"));
  errors.push(...validateAnnotations(metadata.annotations, "metadata.annotations"));
  errors.push(...validateOwners(metadata.ownerReferences ?? [], "metadata.ownerReferences"));
  for (const finalizer of metadata.finalizers ?? []) {
    for (const complaint of labelKeyErrors(finalizer)) errors.push(invalidValue("metadata.finalizers", finalizer, complaint));
  }
  const finalizers = metadata.finalizers ?? [];
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    const detail = "finalizer orphan and foregroundDeletion cannot be both set";
    errors.push(invalidValue("metadata.finalizers", finalizers, detail));
  }
  finalizers.forEach((finalizer, index) => errors.push(...validateFinalizer(finalizer, `metadata.finalizers[${index}]`)));
  for (const { operation, fieldsType } of metadata.managedFields ?? []) {
    if (operation !== "Apply" && operation !== "Update")
      errors.push(invalidValue("metadata.managedFields.operation", operation ?? "", "must be `Apply` or `Update`"));
    if (fieldsType !== undefined && fieldsType !== "" && fieldsType !== "FieldsV1")
      errors.push(invalidValue("metadata.managedFields.fieldsType", fieldsType, "must be `FieldsV1`"));
  }
  return errors;
}

/** A finalizer says in its prefix whose it is; three are Kubernetes' own. */
export function validateFinalizer(finalizer: string, field: string): FieldError[] {
  if (finalizer.includes("/") || ["kubernetes", "orphan", "foregroundDeletion"].includes(finalizer)) return [];
  return [invalidValue(field, finalizer, "name is neither a standard finalizer name nor is it fully qualified")];
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...labelKeyErrors(key).map((complaint) => invalidValue(field, key, complaint)),
    ...labelValueErrors(value).map((complaint) => invalidValue(field, value, complaint)),
  ]);
}

export function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  const errors = entries.flatMap(([key]) =>
    labelKeyErrors(key.toLowerCase()).map((complaint) => invalidValue(field, key, complaint)),
  );
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return size > annotationsLimit ? [...errors, tooLong(field, annotationsLimit)] : errors;
}

/** Upstream names the list, not the reference in it. */
function validateOwners(owners: readonly OwnerReference[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const owner of owners) {
    if (!owner.apiVersion) errors.push(invalidValue(`${field}.apiVersion`, owner.apiVersion, "version must not be empty"));
    if (!owner.kind) errors.push(invalidValue(`${field}.kind`, owner.kind, "must not be empty"));
    if (!owner.name) errors.push(invalidValue(`${field}.name`, owner.name, "must not be empty"));
    if (!owner.uid) errors.push(invalidValue(`${field}.uid`, owner.uid, "must not be empty"));
    if (owner.apiVersion === "v1" && owner.kind === "Event")
      errors.push(invalidValue(field, owner, "/v1, Kind=Event is disallowed from being an owner"));
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller === undefined) controller = name;
    else {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
      errors.push(invalidValue(field, owners, detail));
    }
  }
  return errors;
}

/** What an update may not change in any object. */
export function validateMetadataUpdate(next: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const fixed = ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] as const;
  for (const field of fixed) {
    if (next[field] !== old[field]) errors.push(immutable(`metadata.${field}`, next[field] ?? null));
  }
  if (old.deletionTimestamp !== undefined) {
    const added = (next.finalizers ?? []).filter((finalizer) => !(old.finalizers ?? []).includes(finalizer));
    if (added.length > 0) {
      const list = added.map((finalizer) => JSON.stringify(finalizer)).join(", ");
      errors.push(
        forbidden(
          "metadata.finalizers",
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        ),
      );
    }
  }
  return errors;
}
