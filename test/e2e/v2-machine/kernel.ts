import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { run, succeed } from "../run.ts";

export interface Kernel {
  readonly image: string;
  /** As in /lib/modules: one folder, called by the kernel's version. */
  readonly modules: string;
  readonly version: string;
}

/** All that a machine with containers loads; the rest of the package is drivers. */
const parts = [
  "boot/vmlinuz-*",
  "lib/modules/*/modules.*",
  ...["fs", "lib", "net", "crypto", "drivers/net", "drivers/virtio"].map(inModules),
];

/** Debian's own kernel, unpacked into a folder and installed nowhere. */
export async function fetchKernel(folder: string): Promise<Kernel> {
  await mkdir(folder, { recursive: true });
  await succeed(["apt-get", "download", await packageName()], { cwd: folder, timeoutMs: 120_000 });
  const [archive = ""] = (await readdir(folder)).filter((name) => name.endsWith(".deb"));
  const wildcards = parts.map((part) => `'./${part}'`).join(" ");
  await succeed(["sh", "-c", `dpkg-deb --fsys-tarfile ${archive} | tar -x --wildcards ${wildcards}`], { cwd: folder });
  const modules = join(folder, "lib/modules");
  const [version = ""] = await readdir(modules);
  await succeed(["busybox", "depmod", "-b", folder, version]);
  return { image: join(folder, `boot/vmlinuz-${version}`), modules, version };
}

function inModules(part: string): string {
  return `lib/modules/*/kernel/${part}/*`;
}

/** The one that the newest kernel's name stands for. A machine whose package lists were cleaned away gets them first. */
async function packageName(): Promise<string> {
  const ask = () => run(["apt-cache", "depends", "linux-image-amd64"]);
  const known = (text: string): string | undefined => /Depends: (linux-image-\S+)/.exec(text)?.[1];
  const name = known((await ask()).stdout);
  if (name !== undefined) return name;
  await succeed(["apt-get", "update"], { timeoutMs: 120_000 });
  const found = known((await ask()).stdout);
  if (found === undefined) throw new Error("apt knows no package linux-image-amd64");
  return found;
}
