/** Makes a bare clone ready: npm packages, the bundle, the system's packages. Run by npm before `start`, `test` and `check`. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBundle } from "./bundle.js";
import { ensureNpmPackages } from "./npm-packages.js";
import { ensurePackages } from "./packages.js";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {"start" | "test" | "check" | "program"} purpose */
export async function setUp(purpose) {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Skiff needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
    process.exit(1);
  }
  ensureNpmPackages(root);
  if (purpose !== "check") await ensureBundle(root);
  if (purpose === "start") ensurePackages(["run"]);
  if (purpose === "test") ensurePackages(["run", "test"]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setUp(process.argv[2] ?? "start");
