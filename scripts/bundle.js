import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readDescriptions } from "./descriptions.js";
import { giveToOwner } from "./owner.js";

const sources = ["base", "api", "client", "apiserver", "scheduler", "controller-manager", "node-agent", "cluster", "cli"];

/** The program as one bundle in dist/, made anew when a source is newer than it. */
export async function ensureBundle(root) {
  const stamp = join(root, "dist/.stamp");
  const state = stateOf(root);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === state) return;
  const { build } = await import("esbuild");
  // Beside the old one, so that a command that starts meanwhile finds a whole program.
  const fresh = join(root, `dist-${process.pid}`);
  await build({
    absWorkingDir: root,
    entryPoints: ["cli/main.ts"],
    outdir: fresh,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["source"],
    // Native code, and what loads its own files by path.
    external: ["lmdb", "koffi", "pino", "etcd3", "esbuild"],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    sourcemap: "linked",
    logLevel: "error",
  });
  await writeFile(join(fresh, "descriptions.json"), JSON.stringify(readDescriptions(root)));
  await writeFile(join(fresh, ".stamp"), state);
  await rm(join(root, "dist"), { recursive: true, force: true });
  await rename(fresh, join(root, "dist"));
  giveToOwner(root, "dist");
}

/** Changes with every source: their number, newest time and total size. */
function stateOf(root) {
  let newest = statSync(join(root, "package.json")).mtimeMs;
  let count = 0;
  let size = 0;
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts")) {
        const stat = statSync(path);
        newest = Math.max(newest, stat.mtimeMs);
        size += stat.size;
        count++;
      }
    }
  };
  for (const folder of sources) if (existsSync(join(root, folder))) visit(join(root, folder));
  return `${count} ${newest} ${size}`;
}
