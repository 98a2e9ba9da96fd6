import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { giveToOwner } from "./owner.js";

/** `npm ci`, unless what is there came from the same lock file and came whole: a killed one leaves no `.package-lock.json`. */
export function ensureNpmPackages(root) {
  const stamp = join(root, "node_modules/.skiff-lock-hash");
  const hash = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const isWhole = existsSync(join(root, "node_modules/.package-lock.json"));
  if (isWhole && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  console.log("Installing npm packages …");
  const { status } = spawnSync("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) {
    console.error(`npm ci failed (exit code ${status}): what it said is above. Once that is mended, run the same command again.`);
    process.exit(1);
  }
  writeFileSync(stamp, hash);
  giveToOwner(root, "node_modules");
}
