import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "#base/free-ports.testing";
import { writeOciLayout } from "#node-agent/images/oci-layout";
import { eventually, start, stop, succeed } from "./run.ts";
import { execFileSync } from "node:child_process";

export interface TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Copies an OCI layout folder into it. */
  push(layout: string, tag: string, repository: string): Promise<void>;
  close(): Promise<void>;
}

/** A real registry (Debian's docker-registry) on loopback. */
export async function startRegistry(): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "skiff-registry-"));
  const port = await freePort();
  const config = join(folder, "config.yml");
  await writeFile(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(folder, "data")}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  const process = start(["docker-registry", "serve", config]);
  const host = `127.0.0.1:${port}`;
  await eventually("the registry to answer", async () => (await fetch(`http://${host}/v2/`)).ok);
  return {
    host,
    push: async (layout, tag, repository) => {
      const target = `docker://${host}/${repository}:${tag}`;
      await succeed(["skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", `oci:${layout}`, target]);
    },
    close: async () => {
      await stop(process);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const nginxPackages = ["nginx", "nginx-common", "libc6", "libcrypt1", "libpcre2-8-0", "libssl3", "zlib1g"];

/** A real nginx, unpacked from Debian's packages into one layer. @returns the folder of its OCI layout */
export async function buildNginxImage(folder: string, repository: string, tag: string): Promise<string> {
  const packages = join(folder, "packages");
  const root = join(folder, "root");
  const layout = join(folder, "layout");
  await mkdir(packages, { recursive: true });
  await mkdir(root, { recursive: true });
  await downloadPackages(packages);
  for (const file of await readdir(packages)) await succeed(["dpkg", "-x", join(packages, file), root]);
  for (const path of ["var/www/html", "var/log/nginx", "var/lib/nginx", "run", "tmp"])
    await mkdir(join(root, path), { recursive: true });
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n");
  await writeFile(join(root, "etc/group"), "root:x:0:\nadm:x:4:\nwww-data:x:33:\n");
  await writeFile(join(root, "var/www/html/index.html"), "<h1>Welcome to nginx!</h1>\n");
  await writeFile(
    join(root, "etc/nginx/nginx.conf"),
    "user www-data;\nerror_log /dev/stderr;\npid /run/nginx.pid;\nevents {}\nhttp { access_log /dev/stdout; server { listen 80; root /var/www/html; } }\n",
  );
  const layer = execFileSync("tar", ["--sort=name", "--numeric-owner", "-C", root, "-cf", "-", "."], {
    maxBuffer: 512 * 1024 * 1024,
  });
  await writeOciLayout({
    folder: layout,
    reference: `${repository}:${tag}`,
    layers: [layer],
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    config: { Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["nginx", "-g", "daemon off;"], StopSignal: "SIGQUIT" },
  });
  return layout;
}

/** apt needs its lists; a fresh machine has none. */
async function downloadPackages(folder: string): Promise<void> {
  try {
    await succeed(["apt-get", "download", ...nginxPackages], { cwd: folder });
  } catch {
    await succeed(["apt-get", "update"]);
    await succeed(["apt-get", "download", ...nginxPackages], { cwd: folder });
  }
}
