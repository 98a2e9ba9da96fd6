import { closeSync, openSync } from "node:fs";
import koffi from "koffi";
import { check } from "./syscalls.ts";

export type NamespaceKind = "net" | "ipc" | "uts";

const libc = koffi.load(null);
const unshareCall = libc.func("int unshare(int)") as (flags: number) => number;
const setnsCall = libc.func("int setns(int, int)") as (descriptor: number, kind: number) => number;

const cloneFlags: Readonly<Record<NamespaceKind, number>> = { uts: 0x04000000, ipc: 0x08000000, net: 0x40000000 };

/** Of the thread that looks: where `inNewNamespaces` is under way, the new one. */
export function ownNamespace(kind: NamespaceKind): string {
  return `/proc/thread-self/ns/${kind}`;
}

/**
 * Runs `inside` in this thread with namespaces of its own, which are gone afterwards unless it has bound them. A program for it would
 * take twenty times as long. Whatever happens, nothing else is run in them: `inside` does not wait, and a thread that cannot
 * go back ends the process.
 */
export function inNewNamespaces<T>(kinds: readonly NamespaceKind[], inside: () => T): T {
  return andBack(kinds, () => {
    check("unshare", unshareCall(kinds.reduce((flags, kind) => flags | cloneFlags[kind], 0)));
    return inside();
  });
}

/** As `inNewNamespaces`, in the network namespace that is bound to the file. */
export function inNetwork<T>(file: string, inside: () => T): T {
  return andBack(["net"], () => {
    const network = openSync(file, "r");
    try {
      check(`setns ${file}`, setnsCall(network, cloneFlags.net));
    } finally {
      closeSync(network);
    }
    return inside();
  });
}

function andBack<T>(kinds: readonly NamespaceKind[], inside: () => T): T {
  const own = kinds.map((kind) => ({ kind, descriptor: openSync(ownNamespace(kind), "r") }));
  try {
    return inside();
  } finally {
    for (const { kind, descriptor } of own) {
      if (setnsCall(descriptor, cloneFlags[kind]) !== 0) process.abort();
      closeSync(descriptor);
    }
  }
}
