import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The programs Skiff uses and does not bring along. `run`: without them no containers run; `test`: the tests drive them.
 * `any`: one of them is enough. Package names are Debian's unless another family calls them differently.
 */
const tools = [
  { any: ["crun"], for: "run", why: "runs containers", packages: { default: "crun" } },
  { any: ["conmon"], for: "run", why: "keeps containers alive without their agent", packages: { default: "conmon" } },
  { any: ["nft"], for: "run", why: "lets pods reach the outside", packages: { default: "nftables" } },
  { any: ["ip"], for: "run", why: "makes nodes and their networks", packages: { default: "iproute2", dnf: "iproute" } },
  { any: ["nsenter"], for: "run", why: "starts agents inside their nodes", packages: { default: "util-linux" } },
  {
    any: ["busybox"],
    for: "run",
    isStatic: true,
    why: "is the example's web server, for which it must be static",
    packages: { default: "busybox-static", dnf: "busybox", pacman: "busybox" },
  },
  {
    any: ["catatonit"],
    for: "run",
    why: "is the first process of pods whose containers share theirs",
    packages: { default: "catatonit" },
  },
  { any: ["docker-registry"], for: "test", why: "serves images to the tests", packages: { default: "docker-registry" } },
  { any: ["skopeo"], for: "test", why: "pushes images to it", packages: { default: "skopeo" } },
  { any: ["runc"], for: "test", why: "is the second runtime under test", packages: { default: "runc" } },
  { any: ["etcd"], for: "test", why: "is the store that API servers share", packages: { default: "etcd-server", dnf: "etcd" } },
  { any: ["tcc"], for: "test", why: "compiles a disk that loses what was not flushed", packages: { default: "tcc" } },
  { any: ["curl"], for: "test", why: "asks pods", packages: { default: "curl" } },
  {
    any: ["qemu-system-x86_64"],
    for: "test",
    why: "is a machine with cgroup v2 alone",
    packages: { default: "qemu-system-x86", dnf: "qemu-system-x86-core", pacman: "qemu-system-x86" },
  },
];

const managers = [
  { name: "apt-get", install: ["apt-get", "install", "-y", "--no-install-recommends"], update: ["apt-get", "update"] },
  { name: "dnf", install: ["dnf", "install", "-y"] },
  { name: "pacman", install: ["pacman", "-S", "--needed"] },
  { name: "zypper", install: ["zypper", "install", "-y"] },
  { name: "apk", install: ["apk", "add"] },
];

/** @returns {typeof tools} those of which nothing is on this machine. */
function missingTools(purposes) {
  return tools.filter((tool) => purposes.includes(tool.for) && !tool.any.some((name) => isUsable(name, tool.isStatic === true)));
}

/** Installs what is missing where that is safe to do by itself; otherwise says how. Never fails: a control plane alone needs none of it. */
export function ensurePackages(purposes) {
  const missing = missingTools(purposes);
  if (missing.length === 0) return;
  const manager = managers.find(({ name }) => isOnPath(name));
  const packages = [...new Set(missing.map((tool) => tool.packages[manager?.name] ?? tool.packages.default))];
  const isDebian = manager?.name === "apt-get" && isDebianLike();
  const isRoot = process.getuid?.() === 0;
  if (process.platform !== "linux") {
    console.log("Containers need Linux. What works here: a control plane alone, `./skiff up --nodes 0`.");
    return;
  }
  for (const tool of missing) console.log(`  missing: ${tool.any.join(" or ")} (${tool.why})`);
  if (isDebian && isRoot) {
    console.log(`Installing with apt-get: ${packages.join(" ")}`);
    const options = { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
    spawnSync(manager.update[0], manager.update.slice(1), options);
    const [command, ...rest] = [...manager.install, ...packages];
    const { status } = withoutServices(() => spawnSync(command, rest, options));
    if (status !== 0) console.log(`apt-get could not install them (exit code ${status}); what it said is above.`);
    return;
  }
  const command =
    manager === undefined ? `install these packages: ${packages.join(" ")}` : [...manager.install, ...packages].join(" ");
  console.log(`Not installed by itself here. Run this, as root:\n\n    ${command}\n`);
  console.log("Without it a control plane alone works: `./skiff up --nodes 0`.");
}

/** We want the programs; the services that some packages would start at once (etcd, docker-registry) would sit on their ports. */
function withoutServices(install) {
  const policy = "/usr/sbin/policy-rc.d";
  let isOurs = false;
  try {
    // Who asks before starting a service is told "forbidden by policy".
    writeFileSync(policy, "#!/bin/sh\nexit 101\n", { flag: "wx", mode: 0o755 });
    isOurs = true;
  } catch {
    // The machine has a policy already, as containers often do.
  }
  try {
    return install();
  } finally {
    if (isOurs) rmSync(policy, { force: true });
  }
}

function isDebianLike() {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}

function isUsable(name, mustBeStatic) {
  const file = findOnPath(name);
  // A dynamic one names its loader, and finds it in no container.
  return file !== undefined && !(mustBeStatic && readFileSync(file).includes("/ld-"));
}

function isOnPath(name) {
  return findOnPath(name) !== undefined;
}

function findOnPath(name) {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
