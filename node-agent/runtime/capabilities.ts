import { readFile } from "node:fs/promises";
import type { ContainerSecurity } from "./runtime.ts";

/** In the kernel's order (linux/capability.h): the index is the capability's number. */
const all = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST " +
  "NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE " +
  "SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM " +
  "BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split(" ");

/** What containerd and Docker leave a container that asks for nothing. */
const defaults =
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE".split(
    " ",
  );

/**
 * `ALL` is taken first, then single names: dropping ALL and adding one leaves that one, adding ALL and dropping one leaves the rest.
 * @returns names with `CAP_`, in the kernel's order
 */
export function containerCapabilities(security: ContainerSecurity): readonly string[] {
  if (security.privileged) return all.map((name) => `CAP_${name}`);
  const add = security.addCapabilities.map(bareName);
  const drop = security.dropCapabilities.map(bareName);
  const base = add.includes("ALL") ? all : drop.includes("ALL") ? [] : defaults;
  return all
    .filter(
      (name) =>
        (base.includes(name) && !drop.includes(name)) || (add.includes(name) && !(drop.includes(name) && !drop.includes("ALL"))),
    )
    .map((name) => `CAP_${name}`);
}

/** What this process may hand on: nobody can give a container more. */
export async function grantableCapabilities(): Promise<readonly string[]> {
  return parseBoundingSet(await readFile("/proc/self/status", "utf8"));
}

export function parseBoundingSet(status: string): readonly string[] {
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return all.filter((_name, number) => (mask & (1n << BigInt(number))) !== 0n).map((name) => `CAP_${name}`);
}

/** Names the kernel does not know. */
export function unknownCapabilities(security: ContainerSecurity): readonly string[] {
  const named = [...security.addCapabilities, ...security.dropCapabilities].map(bareName);
  return named.filter((name) => name !== "ALL" && !all.includes(name));
}

function bareName(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, "");
}
