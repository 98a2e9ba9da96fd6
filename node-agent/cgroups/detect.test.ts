import { describe, expect, it } from "vitest";
import { cpuWeight } from "./cgroups-v2.ts";
import { parseCgroupLayout } from "./detect.ts";

const line = (mountPoint: string, type: string, options: string) =>
  `30 24 0:26 / ${mountPoint} rw,relatime shared:9 - ${type} cgroup ${options}`;

describe("parseCgroupLayout", () => {
  it("finds each v1 controller where it is mounted, and the v2 tree beside them", () => {
    const mountinfo = [
      line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
      line("/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
      line("/sys/fs/cgroup/systemd", "cgroup", "rw,name=systemd"),
      line("/sys/fs/cgroup/unified", "cgroup2", "rw,nsdelegate"),
    ].join("\n");
    expect(parseCgroupLayout(mountinfo)).toEqual({
      version: 1,
      hybrid: "/sys/fs/cgroup/unified",
      hierarchies: [
        { mountPoint: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu", "cpuacct"] },
        { mountPoint: "/sys/fs/cgroup/memory", controllers: ["memory"] },
        { mountPoint: "/sys/fs/cgroup/systemd", controllers: [] },
      ],
    });
  });

  it("finds v2", () => {
    expect(parseCgroupLayout(line("/sys/fs/cgroup", "cgroup2", "rw"))).toEqual({ version: 2, mountPoint: "/sys/fs/cgroup" });
  });

  it("takes what is mounted at the usual place, wherever else it is mounted", () => {
    const mountinfo = [
      line("/tmp/root/sys/fs/cgroup/unified", "cgroup2", "rw"),
      line("/tmp/root/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
      line("/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
    ].join("\n");
    expect(parseCgroupLayout(mountinfo)).toEqual({
      version: 1,
      hierarchies: [{ mountPoint: "/sys/fs/cgroup/memory", controllers: ["memory"] }],
    });
    expect(parseCgroupLayout(line("/elsewhere", "cgroup2", "rw"))).toEqual({ version: 2, mountPoint: "/elsewhere" });
  });

  it("says so when there is neither", () => {
    expect(() => parseCgroupLayout("")).toThrow("no control groups are mounted");
  });
});

it.each([
  [2, 1],
  [1024, 39],
  [262144, 10000],
])("turns %d shares into the weight %d", (shares, weight) => {
  expect(cpuWeight(shares)).toBe(weight);
});
