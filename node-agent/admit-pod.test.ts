import { describe, expect, it } from "vitest";
import type { PodSpec } from "#api/generated/types";
import { refusalOf } from "./admit-pod.ts";

const sysctl = (name: string, more: Partial<PodSpec> = {}): Partial<PodSpec> => ({
  securityContext: { sysctls: [{ name, value: "1" }] },
  ...more,
});

// Source: pkg/kubelet/sysctl and pkg/kubelet/lifecycle.
describe("a node", () => {
  it.each<[string, Partial<PodSpec>, string | undefined]>([
    ["takes what asks for nothing", {}, undefined],
    ["takes Linux pods", { os: { name: "linux" } }, undefined],
    ["takes no others", { os: { name: "windows" } }, "Failed to admit pod as the OS field doesn't match node OS"],
    ["takes a safe sysctl", sysctl("net.ipv4.tcp_syncookies"), undefined],
    ["takes one with slashes", sysctl("net/ipv4/tcp_fin_timeout"), undefined],
    ["refuses one that reaches further", sysctl("kernel.msgmax"), 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
    [
      "refuses one of a network that is the node's",
      sysctl("net.ipv4.tcp_syncookies", { hostNetwork: true }),
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
    ],
    [
      "refuses one of memory that is the node's",
      sysctl("kernel.shm_rmid_forced", { hostIPC: true }),
      'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled',
    ],
  ])("%s", (_name, spec, message) => {
    expect(refusalOf({ metadata: {}, spec: { containers: [], ...spec } })?.message).toBe(message);
  });
});
