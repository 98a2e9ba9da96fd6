import { constants } from "node:os";
import koffi from "koffi";

/**
 * The few system calls Node does not offer, called in this thread: each takes well under a millisecond, a process for each
 * would take five. They act in the mount namespace of the calling thread, which is the whole process's.
 */
const libc = koffi.load(null);
const mountCall = libc.func("int mount(const char*, const char*, const char*, unsigned long, const char*)") as Call;
const umountCall = libc.func("int umount2(const char*, int)") as Call;
const mknodCall = libc.func("int mknod(const char*, unsigned int, unsigned long)") as Call;
const setxattrCall = libc.func("int lsetxattr(const char*, const char*, const uint8_t*, size_t, int)") as Call;

type Call = (...values: (string | number | bigint | Uint8Array | null)[]) => number;

/** Carries `code` and `errno` as Node's own errors do. */
export class SyscallError extends Error {
  override readonly name = "SyscallError";
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.code = code;
  }
}

export const mountFlags = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  bind: 4096,
  recursive: 16384,
  private: 1 << 18,
} as const;

export function mount(source: string, target: string, type: string | null, flags: number, data: string | null): void {
  check(`mount ${target}`, mountCall(source, target, type, flags, data));
}

/** Detaches it at once, even when busy. Nothing mounted there, or no such path: succeeds. */
export function unmount(target: string): void {
  const detach = 2;
  check(`umount ${target}`, umountCall(target, detach), ["EINVAL", "ENOENT"]);
}

export const fileTypes = { fifo: 0o010000, character: 0o020000, block: 0o060000 } as const;

/** @param mode file type and permissions together */
export function makeNode(path: string, mode: number, major: number, minor: number): void {
  check(`mknod ${path}`, mknodCall(path, mode, deviceNumber(major, minor)));
}

/** Does not follow a symbolic link. */
export function setExtendedAttribute(path: string, name: string, value: Uint8Array): void {
  check(`lsetxattr ${path} ${name}`, setxattrCall(path, name, value, value.length, 0));
}

/** As glibc's makedev(3). */
function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n);
}

export function deviceOf(rdev: number): { major: number; minor: number } {
  const number = BigInt(rdev);
  return {
    major: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn & 0xffffffffn)),
    minor: Number((number & 0xffn) | ((number >> 12n) & ~0xffn & 0xffffffffn)),
  };
}

/** For the calls of other files. @throws SyscallError unless the code is among the ignored */
export function check(call: string, result: number, ignored: readonly string[] = []): void {
  if (result !== -1) return;
  const error = new SyscallError(call, koffi.errno());
  if (!ignored.includes(error.code)) throw error;
}
