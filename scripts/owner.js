import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";

/** What sudo made in a clone belongs to whom the clone belongs: the next command without sudo must be able to change it. */
export function giveToOwner(root, folder) {
  const { uid, gid } = statSync(join(root, "package.json"));
  if (process.getuid?.() !== 0 || uid === 0) return;
  spawnSync("chown", ["-R", `${uid}:${gid}`, join(root, folder)], { stdio: "inherit" });
}
