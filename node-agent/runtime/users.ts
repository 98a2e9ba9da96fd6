import type { ImageConfig } from "../images/image-service.ts";
import type { ContainerConfig, SandboxConfig } from "./runtime.ts";
import { RuntimeError } from "./runtime.ts";

export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** The image's own tables; empty when it has none. */
export interface UserTables {
  readonly passwd: string;
  readonly group: string;
}

type PodName = Pick<SandboxConfig, "podName" | "podNamespace" | "podUid">;

/**
 * Who the process is: the pod's wish, else the image's user (`name`, `uid`, `name:group`, …) looked up in the image's tables.
 * Groups that list the user's name come along, as in containerd. @throws RuntimeError CreateContainerConfigError
 */
export function resolveUser(
  config: Pick<ContainerConfig, "security" | "name">,
  image: Pick<ImageConfig, "user">,
  tables: UserTables,
  pod: PodName,
): ProcessUser {
  const { security } = config;
  assertNonRoot(config, image, pod);
  const [imageUser = "", imageGroup] = (image.user ?? "").split(":");
  const wanted = security.runAsUser === undefined ? imageUser : String(security.runAsUser);
  const entry = findUser(wanted === "" ? "0" : wanted, tables.passwd);
  const imageGid = security.runAsUser === undefined && imageGroup ? findGroup(imageGroup, tables.group) : entry.gid;
  const gid = security.runAsGroup ?? imageGid;
  const memberships = entry.name === undefined || security.onlyThoseGroups === true ? [] : groupsOf(entry.name, tables.group);
  const additionalGids = new Set([gid, ...memberships, ...(security.supplementalGroups ?? [])]);
  return { uid: entry.uid, gid, additionalGids: [...additionalGids] };
}

/** Upstream's rules and words (kubelet's verifyRunAsNonRoot). */
function assertNonRoot(config: Pick<ContainerConfig, "security" | "name">, image: Pick<ImageConfig, "user">, pod: PodName): void {
  const { runAsNonRoot, runAsUser } = config.security;
  if (runAsNonRoot !== true) return;
  const which = `(pod: "${pod.podName}_${pod.podNamespace}(${pod.podUid})", container: ${config.name})`;
  const refuse = (problem: string) => new RuntimeError("CreateContainerConfigError", `${problem} ${which}`);
  if (runAsUser === 0) throw refuse("container's runAsUser breaks non-root policy");
  if (runAsUser !== undefined) return;
  const user = (image.user ?? "").split(":")[0] ?? "";
  if (user === "" || /^0+$/.test(user)) throw refuse("container has runAsNonRoot and image will run as root");
  if (!/^\d+$/.test(user)) {
    throw refuse(`container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root`);
  }
}

/** A number needs no entry; a name does. */
function findUser(user: string, passwd: string): { uid: number; gid: number; name?: string } {
  const numeric = /^\d+$/.test(user);
  for (const [name, , uid, gid] of rows(passwd)) {
    if (name === undefined || (numeric ? uid !== user : name !== user)) continue;
    return { uid: Number(uid), gid: Number(gid), name };
  }
  if (numeric) return { uid: Number(user), gid: 0 };
  throw new RuntimeError("CreateContainerError", `unable to find user ${user}: no matching entries in passwd file`);
}

function findGroup(group: string, table: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  const row = rows(table).find(([name]) => name === group);
  if (row === undefined)
    throw new RuntimeError("CreateContainerError", `unable to find group ${group}: no matching entries in group file`);
  return Number(row[2]);
}

function groupsOf(user: string, table: string): number[] {
  return rows(table)
    .filter(([, , , members]) => members?.split(",").includes(user))
    .map(([, , gid]) => Number(gid));
}

function rows(table: string): string[][] {
  return table
    .split("\n")
    .map((line) => line.trim().split(":"))
    .filter((fields) => fields.length >= 3);
}
