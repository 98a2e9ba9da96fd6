import { expect, it } from "vitest";
import { containerCapabilities, parseBoundingSet } from "./capabilities.ts";
import type { ContainerSecurity } from "./runtime.ts";

const plain: ContainerSecurity = {
  privileged: false,
  readOnlyRootFilesystem: false,
  allowPrivilegeEscalation: true,
  addCapabilities: [],
  dropCapabilities: [],
};

it.each([
  [["NET_ADMIN"], ["ALL"], ["CAP_NET_ADMIN"]],
  [["cap_sys_time"], ["ALL"], ["CAP_SYS_TIME"]],
  [[], ["ALL"], []],
])("adding %j and dropping %j leaves %j", (addCapabilities, dropCapabilities, expected) => {
  expect(containerCapabilities({ ...plain, addCapabilities, dropCapabilities })).toEqual(expected);
});

it("starts from the fourteen of containerd", () => {
  expect(containerCapabilities(plain)).toHaveLength(14);
  expect(containerCapabilities({ ...plain, dropCapabilities: ["KILL"] })).not.toContain("CAP_KILL");
});

it("adds all but what is dropped by name", () => {
  const all = containerCapabilities({ ...plain, addCapabilities: ["ALL"], dropCapabilities: ["SYS_ADMIN"] });
  expect(all).toHaveLength(40);
  expect(all).not.toContain("CAP_SYS_ADMIN");
});

it("reads the bounding set from the kernel's mask", () => {
  expect(parseBoundingSet("Name:\tx\nCapBnd:\t0000000000000021\n")).toEqual(["CAP_CHOWN", "CAP_KILL"]);
});
