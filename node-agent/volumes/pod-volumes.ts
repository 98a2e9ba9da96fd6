import { chmod, chown, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Volume } from "#api/generated/types";
import { parseQuantity, value } from "#api/quantity";
import type { FollowedConfig } from "../config-watches.ts";
import type { MountedVolume } from "../container-config.ts";
import type { PodFacts } from "../downward-api.ts";
import { specOf, type StoredPod } from "../pod-spec.ts";
import { mount, unmount } from "../runtime/syscalls.ts";
import { bindSubPath } from "./sub-path.ts";
import type { TokenSource } from "./token-source.ts";
import { writeAtomically } from "./atomic-writer.ts";
import { prepareHostPath } from "./host-path.ts";
import { projectedFiles, VolumeError, type VolumeSources } from "./projected-files.ts";

/** Makes the volumes of pods below a folder each, and takes them away. */
export interface PodVolumes {
  /**
   * Makes what is missing and renews what has changed. From the first call on, `changed` is called when another would find
   * something new, until they are torn down. @throws VolumeError naming the volume
   */
  setUp(facts: PodFacts, podDirectory: string, changed: () => void): Promise<ReadonlyMap<string, MountedVolume>>;
  tearDown(podDirectory: string, podUid: string): Promise<void>;
  /** Makes a part of a volume ready for one mount of a container, anew at each of its starts. @returns what to mount */
  bindSubPath(part: VolumePart, podDirectory: string): Promise<string>;
}

export interface VolumePart {
  readonly volume: string;
  readonly hostPath: string;
  readonly subPath: string;
  readonly container: string;
  /** Of the mount in its container. */
  readonly index: number;
}

export function podVolumes({ watches, tokens }: { watches: FollowedConfig; tokens: TokenSource }): PodVolumes {
  const setUp = async (
    volume: Volume,
    { facts, podDirectory, sources }: { facts: PodFacts; podDirectory: string; sources: VolumeSources },
  ): Promise<[string, MountedVolume]> => {
    try {
      return [volume.name, await setUpVolume(volume, facts, join(podDirectory, "volumes", volume.name), sources)];
    } catch (error) {
      const message = `MountVolume.SetUp failed for volume "${volume.name}" : ${(error as Error).message}`;
      throw new VolumeError(message, { cause: error });
    }
  };
  return {
    setUp: async (facts, podDirectory, changed) => {
      const volumes = specOf(facts.pod).volumes ?? [];
      const sources = { tokens, config: watches.follow(facts.pod, changed) };
      // Each is finished with before the first failure is told, so that nothing goes on behind a tear-down's back.
      const results = await Promise.allSettled(volumes.map((volume) => setUp(volume, { facts, podDirectory, sources })));
      return new Map(
        results.map((result) => {
          if (result.status === "rejected") throw result.reason;
          return result.value;
        }),
      );
    },
    tearDown: async (podDirectory, podUid) => {
      watches.unfollow(podUid);
      for (const folder of [join(podDirectory, "volume-subpaths"), join(podDirectory, "volumes")]) {
        for (const path of (await mountsBelow(folder)).toReversed()) unmount(path);
        await rm(folder, { recursive: true, force: true });
      }
    },
    bindSubPath: async ({ volume, hostPath, subPath, container, index }, podDirectory) => {
      const target = join(podDirectory, "volume-subpaths", volume, container, `${index}`);
      await bindSubPath({ volume: hostPath, subPath, target });
      return target;
    },
  };
}

/** Whether any of its volumes must be read again from time to time. */
export function hasRenewableVolumes(pod: StoredPod): boolean {
  return (specOf(pod).volumes ?? []).some(
    ({ configMap, secret, projected, downwardAPI }) => configMap ?? secret ?? projected ?? downwardAPI,
  );
}

async function setUpVolume(volume: Volume, facts: PodFacts, folder: string, sources: VolumeSources): Promise<MountedVolume> {
  const fsGroup = specOf(facts.pod).securityContext?.fsGroup;
  if (volume.hostPath !== undefined) {
    await prepareHostPath(volume.hostPath);
    return { hostPath: volume.hostPath.path, readOnly: false };
  }
  if (volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected) {
    const [files] = await Promise.all([
      projectedFiles(volume, facts, sources),
      // Secrets never touch a disk.
      (volume.secret ?? volume.projected) ? ensureTmpfs(folder) : undefined,
    ]);
    await writeAtomically(folder, files, fsGroup === undefined ? {} : { fsGroup });
    return { hostPath: folder, readOnly: true };
  }
  const { name: _name, ...others } = volume;
  const emptyDir = volume.emptyDir ?? (Object.keys(others).length === 0 ? {} : undefined);
  if (emptyDir === undefined)
    throw new VolumeError(`volume source ${Object.keys(others).join()} is not implemented by this node agent`);
  if (emptyDir.medium === "Memory") {
    const limit = emptyDir.sizeLimit === undefined ? 0 : value(parseQuantity(emptyDir.sizeLimit));
    await ensureTmpfs(folder, limit > 0 ? limit : undefined);
  } else if (emptyDir.medium !== undefined && emptyDir.medium !== "") {
    throw new VolumeError(`unknown storage medium "${emptyDir.medium}"`);
  }
  await mkdir(folder, { recursive: true });
  await chmod(folder, fsGroup === undefined ? 0o777 : 0o2777);
  if (fsGroup !== undefined) await chown(folder, -1, fsGroup);
  return { hostPath: folder, readOnly: false };
}

async function ensureTmpfs(folder: string, sizeBytes?: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await mountsBelow(folder)).includes(folder)) return;
  mount("tmpfs", folder, "tmpfs", 0, sizeBytes === undefined ? null : `size=${sizeBytes}`);
}

/** Mount points at or below `folder`, in the order in which they were mounted. */
async function mountsBelow(folder: string): Promise<string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const points = table.split("\n").map((line) => (line.split(" ")[4] ?? "").replaceAll("\\040", " "));
  return points.filter((point) => point === folder || point.startsWith(`${folder}/`));
}
