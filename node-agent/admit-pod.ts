import type { Pod } from "#api/generated/types";
import type { Verdict } from "./pod-plan.ts";
import { specOf } from "./pod-spec.ts";

export interface Refusal {
  readonly reason: string;
  /** What the event says; the status adds that the pod was rejected. */
  readonly message: string;
}

/** Why this node does not even begin to run the pod, whose phase is Failed then (upstream: the kubelet's admission handlers). */
export function refusalOf(pod: Pod): Refusal | undefined {
  const { os, hostNetwork, hostIPC, securityContext } = specOf(pod);
  if (os?.name !== undefined && os.name !== "linux") {
    return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const problem = (securityContext?.sysctls ?? [])
    .map(({ name }) => sysctlProblem(name.replaceAll("/", "."), { hostNetwork, hostIPC }))
    .find((found) => found !== undefined);
  return problem === undefined ? undefined : { reason: "SysctlForbidden", message: `forbidden sysctl: ${problem}` };
}

export function verdictOf({ reason, message }: Refusal): Verdict {
  return { reason, message: `Pod was rejected: ${message}` };
}

/** Those that reach no further than the pod (upstream: pkg/kubelet/sysctl, SafeSysctlAllowlist). */
const safeSysctls: ReadonlySet<string> = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);

function sysctlProblem(
  name: string,
  { hostNetwork, hostIPC }: { readonly hostNetwork: boolean | undefined; readonly hostIPC: boolean | undefined },
): string | undefined {
  if (!safeSysctls.has(name)) return `"${name}" not allowlisted`;
  if (name.startsWith("net.") && hostNetwork === true) return `"${name}" not allowed with host net enabled`;
  return name.startsWith("kernel.") && hostIPC === true ? `"${name}" not allowed with host ipc enabled` : undefined;
}
