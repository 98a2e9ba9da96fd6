import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface MissingTool {
  readonly tool: string;
  /** Debian's. */
  readonly package: string;
  readonly neededFor: string;
}

/** Programs that real nodes need and that are not on `path`. */
export function missingTools({ path, runtime = "crun" }: { path: string; runtime?: "crun" | "runc" }): readonly MissingTool[] {
  return [
    { tool: runtime, package: runtime, neededFor: "running containers" },
    { tool: "conmon", package: "conmon", neededFor: "running containers" },
    { tool: "ip", package: "iproute2", neededFor: "networks of nodes and pods" },
    { tool: "nft", package: "nftables", neededFor: "Services, and pods' way out of the machine" },
    { tool: "nsenter", package: "util-linux", neededFor: "starting processes in nodes" },
    { tool: "unshare", package: "util-linux", neededFor: "making nodes and pods" },
    { tool: "findmnt", package: "util-linux", neededFor: "making nodes" },
    { tool: "mount", package: "mount", neededFor: "making nodes" },
  ].filter(({ tool }) => findProgram(tool, path) === undefined);
}

export function findProgram(tool: string, path: string): string | undefined {
  // A user's PATH often lacks the folders of the system's own programs.
  const folders = [...path.split(delimiter), "/usr/sbin", "/sbin"].filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, tool)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
