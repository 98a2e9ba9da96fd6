import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";

/** Texts by the name of a definition and of its field; what a type itself is has an empty name. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

const path = join(packageRoot, "dist/descriptions.json");

/**
 * What people read in `kubectl explain`. The file is made with the bundle: where the program runs from its sources there are no
 * descriptions. Read anew each time and kept by nobody, because few ever ask.
 */
export function readDescriptions(): Descriptions {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Descriptions;
  } catch {
    return {};
  }
}

/** Changes whenever the descriptions or the schema do. */
export function contentStamp(): string {
  const files = [path, join(packageRoot, "api/schema/kubernetes-1.36-schema.json")];
  return files
    .map((file) => statSync(file, { throwIfNoEntry: false }))
    .map((found) => `${found?.size ?? 0} ${found?.mtimeMs ?? 0}`)
    .join(", ");
}
