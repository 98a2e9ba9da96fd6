import { join } from "node:path";
import type { ContainerStatus, VolumeMount } from "#api/generated/types";
import { expandVariables } from "./expand-variables.ts";
import { type ContainerSpec, type StoredPod, specOf } from "./pod-spec.ts";
import { containerResources } from "./resources.ts";
import { type ContainerConfig, type ContainerSecurity, type Mount, RuntimeError } from "./runtime/runtime.ts";

export interface ContainerConfigInput {
  readonly pod: StoredPod;
  readonly container: ContainerSpec;
  readonly attempt: NonNullable<ContainerStatus["restartCount"]>;
  readonly imageId: string;
  readonly env: ReadonlyMap<string, string>;
  /** Host folders or files by volume name, already made. */
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  /** The files of /etc and the termination log. */
  readonly ownMounts: readonly Mount[];
  readonly nodeMemoryBytes: number;
  /** What is mounted instead of a volume itself, by the place of the mount in the container. */
  readonly subPaths: ReadonlyMap<number, string>;
  /** Where the profiles lie that pods may name. */
  readonly seccompDirectory: string;
  /** The id of the container whose processes it shares. */
  readonly processesOf?: string;
  /** Groups that own the pod's volumes. */
  readonly volumeGroups: readonly number[];
}

export interface MountedVolume {
  readonly hostPath: string;
  /** Secrets and the like are never written through. */
  readonly readOnly: boolean;
}

/** What the runtime is asked to create. @throws RuntimeError CreateContainerConfigError */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, attempt, imageId, env } = input;
  const expand = (texts: readonly string[] | undefined) => texts?.map((text) => expandVariables(text, env));
  const command = expand(container.command);
  const args = expand(container.args);
  return {
    name: container.name,
    attempt,
    imageId,
    image: container.image ?? "",
    ...(command !== undefined && command.length > 0 && { command }),
    ...(args !== undefined && args.length > 0 && { args }),
    ...(container.workingDir !== undefined && container.workingDir !== "" && { workingDir: container.workingDir }),
    env: [...env].map(([name, value]) => ({ name, value })),
    mounts: mountsOf(input),
    logPath: `${container.name}/${attempt}.log`,
    resources: containerResources(pod, container, input.nodeMemoryBytes),
    security: securityOf(pod, container, input),
    tty: container.tty ?? false,
    ...(input.processesOf !== undefined && { processesOf: input.processesOf }),
    ...(container.stdin === true && { stdin: { once: container.stdinOnce === true } }),
    ...(container.lifecycle?.stopSignal !== undefined && { stopSignal: container.lifecycle.stopSignal }),
  };
}

/** Where in its volume a mount begins; empty: it is the whole volume. @throws RuntimeError CreateContainerConfigError */
export function subPathOf({ subPath, subPathExpr }: VolumeMount, env: ReadonlyMap<string, string>): string {
  const missing = /\$\$|\$\(([^)]*)\)/g;
  for (const [, name] of (subPathExpr ?? "").matchAll(missing))
    if (name !== undefined && !env.has(name)) throw new RuntimeError("CreateContainerConfigError", `missing value for "${name}"`);
  const below = subPathExpr === undefined ? (subPath ?? "") : expandVariables(subPathExpr, env);
  if (below.split("/").includes("..") || below.startsWith("/"))
    throw new RuntimeError("CreateContainerConfigError", `subPath "${below}" must stay below the volume`);
  return below;
}

function mountsOf({ container, volumes, subPaths, ownMounts }: ContainerConfigInput): readonly Mount[] {
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly, recursiveReadOnly }, index): Mount => {
    const volume = volumes.get(name);
    if (volume === undefined)
      throw new RuntimeError(
        "CreateContainerConfigError",
        `cannot find volume "${name}" to mount into container "${container.name}"`,
      );
    return {
      hostPath: subPaths.get(index) ?? volume.hostPath,
      containerPath: mountPath,
      readOnly: readOnly === true || volume.readOnly,
      ...(recursiveReadOnly !== undefined && recursiveReadOnly !== "Disabled" && { recursiveReadOnly: true }),
    };
  });
  const taken = new Set(mounts.map(({ containerPath }) => containerPath));
  return [...ownMounts.filter(({ containerPath }) => !taken.has(containerPath)), ...mounts];
}

function securityOf(
  pod: StoredPod,
  container: ContainerSpec,
  { volumeGroups, seccompDirectory }: Pick<ContainerConfigInput, "volumeGroups" | "seccompDirectory">,
): ContainerSecurity {
  const ofPod = specOf(pod).securityContext ?? {};
  const own = container.securityContext ?? {};
  const runAsUser = own.runAsUser ?? ofPod.runAsUser;
  const runAsGroup = own.runAsGroup ?? ofPod.runAsGroup;
  const runAsNonRoot = own.runAsNonRoot ?? ofPod.runAsNonRoot;
  const groups = [...new Set([...(ofPod.supplementalGroups ?? []), ...volumeGroups])];
  const privileged = own.privileged ?? false;
  const seccomp = own.seccompProfile ?? ofPod.seccompProfile;
  if (runAsNonRoot === true && runAsUser === 0) {
    throw new RuntimeError("CreateContainerConfigError", "container's runAsUser breaks non-root policy");
  }
  return {
    ...(runAsUser !== undefined && { runAsUser }),
    ...(runAsGroup !== undefined && { runAsGroup }),
    ...(runAsNonRoot !== undefined && { runAsNonRoot }),
    ...(groups.length > 0 && { supplementalGroups: groups }),
    privileged,
    readOnlyRootFilesystem: own.readOnlyRootFilesystem ?? false,
    allowPrivilegeEscalation: own.allowPrivilegeEscalation ?? true,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    ...(ofPod.supplementalGroupsPolicy === "Strict" && { onlyThoseGroups: true }),
    ...(seccomp?.type === "Unconfined" && { seccompProfile: "Unconfined" as const }),
    ...(seccomp?.type === "Localhost" && { seccompProfile: { file: join(seccompDirectory, seccomp.localhostProfile ?? "") } }),
  };
}
