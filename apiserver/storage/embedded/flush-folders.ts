import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Brings the names of `directory` and of what lies in it onto the disk: a flushed file is still lost with its name. `created` is the
 * topmost folder that was made for it, if any.
 */
export function flushFolders(directory: string, created: string | undefined): void {
  // One above it even when nothing was created: whoever did may have died before coming here.
  const top = dirname(created ?? directory);
  for (let folder = directory; ; folder = dirname(folder)) {
    const handle = openSync(folder, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    if (folder === top || folder === dirname(folder)) return;
  }
}
