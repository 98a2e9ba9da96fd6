import { chmod, copyFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, succeed } from "#test/e2e/run";

/**
 * What starting containers costs without anybody around them: `crun run` of the same program, all at once, with namespaces of their
 * own and nothing else (no network, no log, no overlay). @returns of each, the milliseconds until it ran
 */
export async function bareContainers(options: {
  readonly count: number;
  readonly folder: string;
  readonly busyboxPath: string;
  /** The node's mount namespace: crun runs there only, where the machine has both versions of cgroups. */
  readonly mountNamespace: string;
}): Promise<readonly number[]> {
  const { count, folder, busyboxPath, mountNamespace } = options;
  const rootfs = join(folder, "rootfs");
  for (const name of ["bin", "proc", "dev", "sys", "tmp"]) await mkdir(join(rootfs, name), { recursive: true });
  await copyFile(busyboxPath, join(rootfs, "bin/busybox"));
  await chmod(join(rootfs, "bin/busybox"), 0o755);
  await symlink("busybox", join(rootfs, "bin/sleep"));
  await writeFile(join(folder, "config.json"), JSON.stringify(specification(rootfs)));
  // A detached container keeps what it was given for its outputs.
  const quiet = ["sh", "-c", 'exec "$@" > /dev/null 2>&1', "sh"];
  const crun = [
    ...quiet,
    "nsenter",
    `--mount=${mountNamespace}`,
    "--wd=/",
    "crun",
    "--root",
    join(folder, "state"),
    "--cgroup-manager=disabled",
  ];
  const names = Array.from({ length: count }, (_, index) => `bare-${process.pid}-${index}`);
  try {
    return await Promise.all(
      names.map(async (name) => {
        const began = performance.now();
        await succeed([...crun, "run", "--detach", "--bundle", folder, name]);
        return performance.now() - began;
      }),
    );
  } finally {
    for (const name of names) await run([...crun, "delete", "--force", name]);
    await rm(folder, { recursive: true, force: true });
  }
}

const specification = (rootfs: string): object => ({
  ociVersion: "1.0.2",
  process: { cwd: "/", args: ["/bin/sleep", "100000"], env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
  root: { path: rootfs, readonly: true },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
  ],
  linux: { namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })) },
});
