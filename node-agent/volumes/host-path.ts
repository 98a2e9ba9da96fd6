import { mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { HostPathVolumeSource } from "#api/generated/types";
import { VolumeError } from "./projected-files.ts";

/** Makes or checks what the type asks for (upstream: pkg/volume/hostpath). @throws VolumeError */
export async function prepareHostPath({ path, type = "" }: HostPathVolumeSource): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  switch (type) {
    case "":
      return;
    case "DirectoryOrCreate":
      if (found === undefined) await mkdir(path, { recursive: true, mode: 0o755 });
      else if (!found.isDirectory()) throw isNot(path, "a directory");
      return;
    case "FileOrCreate":
      if (found === undefined) {
        await mkdir(dirname(path), { recursive: true, mode: 0o755 });
        await (await open(path, "a", 0o644)).close();
      } else if (!found.isFile()) throw isNot(path, "a file");
      return;
    case "Directory":
      if (found?.isDirectory() !== true) throw isNot(path, "a directory");
      return;
    case "File":
      if (found?.isFile() !== true) throw isNot(path, "a file");
      return;
    case "Socket":
      if (found?.isSocket() !== true) throw isNot(path, "a socket file");
      return;
    case "CharDevice":
      if (found?.isCharacterDevice() !== true) throw isNot(path, "a character device");
      return;
    case "BlockDevice":
      if (found?.isBlockDevice() !== true) throw isNot(path, "a block device");
      return;
    default:
      throw new VolumeError(`unknown hostPath volume type "${type}"`);
  }
}

function isNot(path: string, what: string): VolumeError {
  return new VolumeError(`hostPath type check failed: ${path} is not ${what}`);
}
