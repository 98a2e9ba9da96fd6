import { forbidden, invalidValue, type FieldError } from "../field-error.ts";
import type { PodSpec, SeccompProfile } from "../generated/types.ts";
import { validateDescendingPath } from "./path-validation.ts";
import { containersOf } from "./windows-validation.ts";

type Annotations = Readonly<Record<string, string>>;

const mirror = "kubernetes.io/config.mirror";
const deletionCost = "controller.kubernetes.io/pod-deletion-cost";
const seccompOfPod = "seccomp.security.alpha.kubernetes.io/pod";
const seccompOfContainer = "container.seccomp.security.alpha.kubernetes.io/";
const appArmorOfContainer = "container.apparmor.security.beta.kubernetes.io/";

/** Annotations that mean something to the cluster, of a pod or a template (upstream: ValidatePodSpecificAnnotations). */
export function validatePodAnnotations(annotations: Annotations, spec: PodSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const of = (key: string): string => `${at}[${key}]`;
  const mirrored = annotations[mirror];
  if (mirrored !== undefined && !spec.nodeName)
    errors.push(invalidValue(of(mirror), mirrored, "must set spec.nodeName if mirror pod annotation is set"));
  const cost = annotations[deletionCost];
  if (cost !== undefined && !isCost(cost)) errors.push(invalidValue(of(deletionCost), cost, "must be a 32bit integer"));
  for (const [key, value] of Object.entries(annotations)) {
    if (key === seccompOfPod || key.startsWith(seccompOfContainer)) errors.push(...validateSeccompText(value, `${at}.${key}`));
    if (key.startsWith(appArmorOfContainer)) errors.push(...validateAppArmorText(key, value, spec, of(key)));
  }
  return errors;
}

/** The same things said twice must be the same (upstream: validateSeccompAnnotationsAndFields and its AppArmor sister). */
export function validateSameProfiles(annotations: Annotations, spec: PodSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const ofPod = spec.securityContext ?? {};
  errors.push(...sameSeccomp(annotations[seccompOfPod], ofPod.seccompProfile, `${at}.securityContext.seccompProfile`));
  for (const [{ name, securityContext }, field] of containersOf(spec, at)) {
    const place = `${field}.securityContext`;
    errors.push(
      ...sameSeccomp(annotations[seccompOfContainer + name], securityContext?.seccompProfile, `${place}.seccompProfile`),
    );
    const appArmor = securityContext?.appArmorProfile ?? ofPod.appArmorProfile;
    if (spec.os?.name !== "windows")
      errors.push(...sameAppArmor(annotations[appArmorOfContainer + name], appArmor, `${place}.appArmorProfile`));
  }
  return errors;
}

/** What a pod says of itself in these cannot be changed (upstream: ValidatePodSpecificAnnotationUpdates). */
export function validatePodAnnotationsUpdate(next: Annotations, old: Annotations, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(old)) {
    if (next[key] === value) continue;
    if (key.startsWith(appArmorOfContainer))
      errors.push(forbidden(`${at}[${key}]`, "may not remove or update AppArmor annotations"));
    if (key === mirror) errors.push(forbidden(`${at}[${key}]`, "may not remove or update mirror pod annotation"));
  }
  for (const key of Object.keys(next)) {
    if (Object.hasOwn(old, key)) continue;
    if (key.startsWith(appArmorOfContainer)) errors.push(forbidden(`${at}[${key}]`, "may not add AppArmor annotations"));
    if (key === mirror) errors.push(forbidden(`${at}[${key}]`, "may not add mirror pod annotation"));
  }
  return errors;
}

/** As Go reads it: no sign of plus, no leading zero but zero itself. */
function isCost(text: string): boolean {
  return /^(0|-?[1-9][0-9]*)$/.test(text) && Number(text) >= -(2 ** 31) && Number(text) < 2 ** 31;
}

function validateSeccompText(profile: string, at: string): FieldError[] {
  if (["runtime/default", "docker/default", "unconfined"].includes(profile)) return [];
  if (profile.startsWith("localhost/")) return validateDescendingPath(profile.slice("localhost/".length), at);
  return [invalidValue(at, profile, "must be a valid seccomp profile")];
}

function validateAppArmorText(key: string, profile: string, spec: PodSpec, at: string): FieldError[] {
  const container = key.slice(appArmorOfContainer.length);
  const isKnown = containersOf(spec, "").some(([{ name }]) => name === container);
  const errors = isKnown ? [] : [invalidValue(at, container, "container not found")];
  const isGood = ["", "runtime/default", "unconfined"].includes(profile) || profile.startsWith("localhost/");
  return isGood ? errors : [...errors, invalidValue(at, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`)];
}

function sameSeccomp(annotation: string | undefined, profile: SeccompProfile | undefined, at: string): FieldError[] {
  return sameProfile(annotation, profile, at, "seccomp", ["runtime/default", "docker/default"]);
}

function sameAppArmor(annotation: string | undefined, profile: SeccompProfile | undefined, at: string): FieldError[] {
  return sameProfile(annotation, profile, at, "apparmor", ["runtime/default"]);
}

function sameProfile(
  annotation: string | undefined,
  profile: SeccompProfile | undefined,
  at: string,
  what: string,
  defaults: readonly string[],
): FieldError[] {
  if (annotation === undefined || profile === undefined) return [];
  const otherType = [forbidden(`${at}.type`, `${what} type in annotation and field must match`)];
  switch (profile.type) {
    case "Unconfined":
      return annotation === "unconfined" ? [] : otherType;
    case "RuntimeDefault":
      return defaults.includes(annotation) ? [] : otherType;
    case "Localhost":
      if (!annotation.startsWith("localhost/")) return otherType;
      return annotation === `localhost/${profile.localhostProfile ?? ""}`
        ? []
        : [forbidden(`${at}.localhostProfile`, `${what} profile in annotation and field must match`)];
    default:
      return [];
  }
}
