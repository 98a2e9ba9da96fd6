import { forbidden, invalidValue, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { Container, EphemeralContainer, PodSpec, WindowsSecurityContextOptions } from "../generated/types.ts";
import { subdomainErrors } from "../label-validation.ts";

const largestCredentialKiB = 64;
const longestDomain = 256;
const longestUser = 104;

/** The rules of what is said to Windows alone (upstream: validateWindowsSecurityContextOptions). */
export function validateWindowsOptions(options: WindowsSecurityContextOptions | undefined, at: string): FieldError[] {
  const { gmsaCredentialSpec: credential, gmsaCredentialSpecName: credentialName, runAsUserName: user } = options ?? {};
  const errors: FieldError[] = [];
  if (credentialName !== undefined) errors.push(...named(`${at}.gmsaCredentialSpecName`, credentialName, subdomainErrors));
  if (credential === "")
    errors.push(invalidValue(`${at}.gmsaCredentialSpec`, credential, "gmsaCredentialSpec cannot be an empty string"));
  if (credential !== undefined && Buffer.byteLength(credential) > largestCredentialKiB * 1024) {
    const detail = `gmsaCredentialSpec size must be under ${largestCredentialKiB} KiB`;
    errors.push(invalidValue(`${at}.gmsaCredentialSpec`, credential, detail));
  }
  if (user !== undefined) errors.push(...named(`${at}.runAsUserName`, user, userErrors));
  return errors;
}

function userErrors(name: string): string[] {
  if (name === "") return ["runAsUserName cannot be an empty string"];
  if (/[\u0000-\u001f\u007f]/.test(name)) return ["runAsUserName cannot contain control characters"];
  const parts = name.split("\\");
  if (parts.length > 2) return ["runAsUserName cannot contain more than one backslash"];
  const [domain, user = ""] = parts.length === 2 ? parts : [undefined, name];
  const complaints: string[] = [];
  if ((domain ?? "").length >= longestDomain)
    complaints.push(`runAsUserName's Domain length must be under ${longestDomain} characters`);
  if (domain !== undefined && !isNetBios(domain) && !isDomain(domain))
    complaints.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  if (user === "") complaints.push("runAsUserName's User cannot be empty");
  if (user.length > longestUser) complaints.push(`runAsUserName's User length must not be longer than ${longestUser} characters`);
  if (/^[. ]+$/.test(user)) complaints.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user))
    complaints.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  return complaints;
}

function isNetBios(domain: string): boolean {
  return /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/.test(domain);
}

function isDomain(domain: string): boolean {
  return domain.split(".").every((label) => /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/.test(label));
}

/** All containers are processes of the host or none, and they are on its network (upstream: validateWindowsHostProcessPod). */
export function validateHostProcess(spec: PodSpec, at: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const errors: FieldError[] = [];
  const all = containersOf(spec, at);
  const onHost = all.filter(([container, field]) => {
    const own = container.securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      errors.push(invalidValue(`${field}.securityContext.windowsOptions.hostProcess`, own, detail));
    }
    return own ?? ofPod ?? false;
  });
  if (onHost.length === 0) return errors;
  if (onHost.length < all.length) {
    const detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
    errors.push(invalidValue(at, "", detail));
  }
  if (spec.hostNetwork !== true)
    errors.push(invalidValue(`${at}.hostNetwork`, false, "hostNetwork must be true if pod contains any hostProcess containers"));
  return errors;
}

const podFieldsOfLinux = ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"] as const;
const securityOfLinux = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "fsGroup",
  "fsGroupChangePolicy",
  "sysctls",
  "runAsUser",
  "runAsGroup",
  "supplementalGroups",
  "supplementalGroupsPolicy",
  "seLinuxChangePolicy",
] as const;
const containerSecurityOfLinux = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "capabilities",
  "readOnlyRootFilesystem",
  "privileged",
  "allowPrivilegeEscalation",
  "procMount",
  "runAsUser",
  "runAsGroup",
] as const;

/** A pod that says what it runs on says nothing that is meant for the other (upstream: validateLinux, validateWindows). */
export function validateSystem(spec: PodSpec, at: string): FieldError[] {
  const security = spec.securityContext ?? {};
  const containers = containersOf(spec, at).map(([container, field]) => [container, `${field}.securityContext`] as const);
  if (spec.os?.name === "linux") {
    const detail = "windows options cannot be set for a linux pod";
    const places = [[{ securityContext: security }, `${at}.securityContext`] as const, ...containers];
    return places
      .filter(([{ securityContext }]) => securityContext?.windowsOptions !== undefined)
      .map(([, field]) => forbidden(`${field}.windowsOptions`, detail));
  }
  if (spec.os?.name !== "windows") return [];
  const refuse = (field: string): FieldError => forbidden(field, "cannot be set for a windows pod");
  const isSaid = (value: unknown): boolean =>
    value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
  return [
    ...securityOfLinux.filter((field) => isSaid(security[field])).map((field) => refuse(`${at}.securityContext.${field}`)),
    ...podFieldsOfLinux
      .filter(
        (field) => isSaid(spec[field]) || ((field === "hostUsers" || field === "shareProcessNamespace") && spec[field] === false),
      )
      .map((field) => refuse(`${at}.${field}`)),
    ...containers.flatMap(([{ securityContext }, field]) =>
      containerSecurityOfLinux.filter((part) => securityContext?.[part] !== undefined).map((part) => refuse(`${field}.${part}`)),
    ),
  ];
}

/** Every container with its place, init containers first as upstream visits them. */
export function containersOf(spec: PodSpec, at: string): readonly (readonly [Container | EphemeralContainer, string])[] {
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((field) =>
    (spec[field] ?? []).map((container, index) => [container, `${at}.${field}[${index}]`] as const),
  );
}
