import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The folder of this package, from the sources and from the bundle alike: data files are named from here, because a bundled
 * module does not know where it came from.
 */
export const packageRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("skiff's package.json is not above its own code: the installation is incomplete");
  return findRoot(parent);
}
