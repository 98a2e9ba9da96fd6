/**
 * The `RuntimeDefault` profile: everything is allowed but a list of calls that reach beyond a container. It denies what Docker's
 * and containerd's documentation lists as denied and, as theirs, opens a call again to a container that holds the capability
 * which guards it. Theirs is an allow-list of some 350 calls, so calls newer than it fail there and pass here.
 */
export function defaultSeccompProfile(capabilities: readonly string[]): SeccompProfile {
  const denied = guarded
    .filter(({ capability }) => capability === undefined || !capabilities.includes(`CAP_${capability}`))
    .flatMap(({ calls }) => calls.split(" "));
  const isAdmin = capabilities.includes("CAP_SYS_ADMIN");
  const isStillOpen = new Set(
    guarded
      .filter(({ capability }) => capability !== undefined && capabilities.includes(`CAP_${capability}`))
      .flatMap(({ calls }) => calls.split(" ")),
  );
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    syscalls: [
      { names: [...new Set(denied)].filter((call) => !isStillOpen.has(call)), action: "SCMP_ACT_ERRNO", errnoRet: notPermitted },
      ...(isAdmin ? [] : newNamespaces),
    ],
  };
}

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet: number;
  readonly args?: readonly { readonly index: number; readonly value: number; readonly valueTwo: number; readonly op: string }[];
}

const notPermitted = 1;
const notImplemented = 38;

const guarded: readonly { readonly capability?: string; readonly calls: string }[] = [
  {
    calls:
      "add_key keyctl request_key userfaultfd kexec_file_load kexec_load lookup_dcookie uselib ustat sysfs _sysctl nfsservctl vm86 vm86old",
  },
  { calls: "create_module get_kernel_syms query_module io_uring_setup io_uring_enter io_uring_register" },
  {
    capability: "SYS_ADMIN",
    calls:
      "bpf fanotify_init fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree perf_event_open pivot_root quotactl quotactl_fd " +
      "setdomainname sethostname setns swapoff swapon umount umount2 unshare",
  },
  { capability: "BPF", calls: "bpf" },
  { capability: "PERFMON", calls: "perf_event_open" },
  { capability: "DAC_READ_SEARCH", calls: "open_by_handle_at" },
  { capability: "SYS_BOOT", calls: "reboot" },
  { capability: "SYS_MODULE", calls: "delete_module finit_module init_module" },
  { capability: "SYS_PACCT", calls: "acct" },
  { capability: "SYS_RAWIO", calls: "ioperm iopl" },
  { capability: "SYS_PTRACE", calls: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev" },
  { capability: "SYS_TIME", calls: "clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime" },
  { capability: "SYS_NICE", calls: "get_mempolicy mbind move_pages set_mempolicy" },
  { capability: "SYS_TTY_CONFIG", calls: "vhangup" },
  { capability: "SYSLOG", calls: "syslog" },
];

/** clone with any CLONE_NEW* flag; clone3 hides its flags in memory, so it answers ENOSYS and C libraries fall back to clone. */
const newNamespaces: readonly SeccompRule[] = [
  ...[0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00020000].map((flag) => ({
    names: ["clone"],
    action: "SCMP_ACT_ERRNO",
    errnoRet: notPermitted,
    args: [{ index: 0, value: flag, valueTwo: flag, op: "SCMP_CMP_MASKED_EQ" }],
  })),
  { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: notImplemented },
];
