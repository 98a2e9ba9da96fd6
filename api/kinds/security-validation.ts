import { duplicate, forbidden, invalidValue, notSupported, required, tooLong, type FieldError } from "../field-error.ts";
import { inRange } from "../field-rules.ts";
import type { AppArmorProfile, Container, PodSpec, SeccompProfile, Sysctl } from "../generated/types.ts";
import { validateDescendingPath } from "./path-validation.ts";
import { validateHostProcess, validateWindowsOptions } from "./windows-validation.ts";

const profileTypes = ["Localhost", "RuntimeDefault", "Unconfined"];
const sysctlSegment = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const sysctlRegex = `^(${sysctlSegment}[\\./])*${sysctlSegment}$`;
const sysctlPattern = new RegExp(sysctlRegex);

/** Linux keeps user and group numbers in 31 bits here. */
function validateId(at: string, id: number | undefined): FieldError[] {
  return id === undefined ? [] : inRange(at, id, 0, 2 ** 31 - 1);
}

export function validatePodSecurity(spec: PodSpec, at: string): FieldError[] {
  const field = `${at}.securityContext`;
  const security = spec.securityContext ?? {};
  const errors = [
    ...validateId(`${field}.fsGroup`, security.fsGroup),
    ...validateId(`${field}.runAsUser`, security.runAsUser),
    ...validateId(`${field}.runAsGroup`, security.runAsGroup),
    ...(security.supplementalGroups ?? []).flatMap((id, index) => validateId(`${field}.supplementalGroups[${index}]`, id)),
  ];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const detail = "ShareProcessNamespace and HostPID cannot both be enabled";
    errors.push(invalidValue(`${field}.shareProcessNamespace`, true, detail));
  }
  errors.push(...validateSysctls(security.sysctls ?? [], spec, `${field}.sysctls`));
  errors.push(...choice(`${field}.fsGroupChangePolicy`, security.fsGroupChangePolicy, ["Always", "OnRootMismatch"]));
  errors.push(...validateSeccomp(security.seccompProfile, `${field}.seccompProfile`));
  errors.push(...validateWindowsOptions(security.windowsOptions, `${field}.windowsOptions`));
  errors.push(...validateAppArmor(security.appArmorProfile, `${field}.appArmorProfile`));
  errors.push(...choice(`${field}.supplementalGroupsPolicy`, security.supplementalGroupsPolicy, ["Merge", "Strict"]));
  errors.push(...choice(`${field}.seLinuxChangePolicy`, security.seLinuxChangePolicy, ["MountOption", "Recursive"]));
  errors.push(...validateHostProcess(spec, at));
  if (spec.hostUsers === false) {
    const detail = "when `pod.Spec.HostUsers` is false";
    if (spec.hostNetwork === true) errors.push(forbidden(`${at}.hostNetwork`, detail));
    if (spec.hostPID === true) errors.push(forbidden(`${at}.HostPID`, detail));
    if (spec.hostIPC === true) errors.push(forbidden(`${at}.HostIPC`, detail));
  }
  return errors;
}

export function validateContainerSecurity(
  security: NonNullable<Container["securityContext"]>,
  at: string,
  hostUsers: boolean,
): FieldError[] {
  const errors = [...validateId(`${at}.runAsUser`, security.runAsUser), ...validateId(`${at}.runAsGroup`, security.runAsGroup)];
  errors.push(...choice(`${at}.procMount`, security.procMount, ["Default", "Unmasked"]));
  if (hostUsers && security.procMount === "Unmasked")
    errors.push(invalidValue(`${at}.procMount`, security.procMount, "`hostUsers` must be false to use `Unmasked`"));
  errors.push(...validateSeccomp(security.seccompProfile, `${at}.seccompProfile`));
  if (security.allowPrivilegeEscalation === false) {
    if (security.privileged === true)
      errors.push(invalidValue(at, security, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
    if ((security.capabilities?.add ?? []).includes("CAP_SYS_ADMIN")) {
      const detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
      errors.push(invalidValue(at, security, detail));
    }
  }
  errors.push(...validateWindowsOptions(security.windowsOptions, `${at}.windowsOptions`));
  return [...errors, ...validateAppArmor(security.appArmorProfile, `${at}.appArmorProfile`)];
}

function validateSysctls(sysctls: readonly Sysctl[], spec: PodSpec, at: string): FieldError[] {
  const seen = new Set<string>();
  return sysctls.flatMap(({ name = "" }: Partial<Sysctl>, index) => {
    const field = `${at}[${index}].name`;
    const errors: FieldError[] = [];
    if (!name) errors.push(required(field));
    else if (name.length > 253 || !sysctlPattern.test(name))
      errors.push(invalidValue(field, name, `must have at most 253 characters and match regex ${sysctlRegex}`));
    else if (seen.has(name)) errors.push(duplicate(field, name));
    seen.add(name);
    const space = sysctlNamespace(name);
    if (spec.hostNetwork === true && space === "net")
      errors.push(invalidValue(field, name, "may not be specified when 'hostNetwork' is true"));
    if (spec.hostIPC === true && space === "ipc")
      errors.push(invalidValue(field, name, "may not be specified when 'hostIPC' is true"));
    return errors;
  });
}

function sysctlNamespace(name: string): "net" | "ipc" | undefined {
  const dotted = name.replaceAll("/", ".");
  if (dotted.startsWith("net.")) return "net";
  return /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted) ? "ipc" : undefined;
}

function validateSeccomp(profile: SeccompProfile | undefined, at: string): FieldError[] {
  if (profile === undefined) return [];
  const errors: FieldError[] = [];
  if (!profile.type) errors.push(required(`${at}.type`, "type is required when seccompProfile is set"));
  else errors.push(...choice(`${at}.type`, profile.type, profileTypes));
  const { localhostProfile } = profile;
  if (profile.type !== "Localhost") {
    if (localhostProfile !== undefined)
      errors.push(invalidValue(`${at}.localhostProfile`, profile, "can only be set when seccomp type is Localhost"));
  } else if (localhostProfile === undefined)
    errors.push(required(`${at}.localhostProfile`, "must be set when seccomp type is Localhost"));
  else errors.push(...validateDescendingPath(localhostProfile, `${at}.localhostProfile`));
  return errors;
}

/** As long as a path can be. */
const longestProfile = 4095;

function validateAppArmor(profile: AppArmorProfile | undefined, at: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const field = `${at}.localhostProfile`;
  if (!type) return [required(`${at}.type`, "type is required when appArmorProfile is set")];
  if (type !== "Localhost") {
    const unset = localhostProfile === undefined || !profileTypes.includes(type);
    const detail = "can only be set when AppArmor type is Localhost";
    return [...choice(`${at}.type`, type, profileTypes), ...(unset ? [] : [invalidValue(field, localhostProfile, detail)])];
  }
  if (localhostProfile === undefined || localhostProfile === "")
    return [required(field, "must be set when AppArmor type is Localhost")];
  return [
    ...(localhostProfile === localhostProfile.trim()
      ? []
      : [invalidValue(field, localhostProfile, "must not be padded with whitespace")]),
    ...(Buffer.byteLength(localhostProfile) > longestProfile ? [tooLong(field, longestProfile)] : []),
  ];
}

function choice(at: string, value: string | undefined, choices: readonly string[]): FieldError[] {
  return value === undefined || choices.includes(value) ? [] : [notSupported(at, value, choices)];
}
