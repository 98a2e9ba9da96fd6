import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Cgroups } from "./cgroups/cgroups.ts";
import { findRemnants } from "./remnants.ts";

it("finds every pod of which a folder, logs or a cgroup is left, once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "skiff-remnants-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const directories = { pods: join(folder, "pods"), logs: join(folder, "logs") };
  for (const path of ["pods/1-a", "pods/2-b", "logs/default_web_1-a", "logs/kube-system_dns-x_3-c", "logs/stray"])
    mkdirSync(join(folder, path), { recursive: true });
  const groups: Partial<Record<string, readonly string[]>> = {
    "/node/kubepods": ["besteffort", "burstable", "pod2-b"],
    "/node/kubepods/besteffort": ["pod4-d"],
  };
  const cgroups = { children: async (path: string) => groups[path] ?? [] } as Pick<Cgroups, "children"> as Cgroups;
  expect(await findRemnants({ directories, cgroups, cgroupRoot: "/node" })).toEqual([
    { podUid: "1-a", podNamespace: "default", podName: "web" },
    { podUid: "3-c", podNamespace: "kube-system", podName: "dns-x" },
    { podUid: "2-b", podNamespace: "", podName: "" },
    { podUid: "4-d", podNamespace: "", podName: "" },
  ]);
});
