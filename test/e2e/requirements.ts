import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

function onPath(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** A kubectl of that minor version: `kubectl.1.33` beside the kubectl on PATH, or in the folder that SKIFF_KUBECTL_DIR names. */
export function kubectlBinary(version: string): string | undefined {
  const dispatcher = onPath("kubectl");
  const folders = [process.env["SKIFF_KUBECTL_DIR"] ?? "", dispatcher === undefined ? "" : dirname(realpathSync(dispatcher))];
  return folders.map((folder) => join(folder, `kubectl.${version}`)).find((file) => existsSync(file));
}

/**
 * Why a test of real containers cannot run here; empty when it can. In CI a missing tool is a failure: nothing is skipped there but
 * for want of root or Linux.
 */
export function whyNot(options: { readonly tools?: readonly string[]; readonly kubectl?: readonly string[] } = {}): string {
  if (process.platform !== "linux") return "needs Linux";
  if (process.getuid?.() !== 0) return "needs root";
  const tools = ["crun", "conmon", "nft", "ip", "busybox", ...(options.tools ?? [])].filter((tool) => onPath(tool) === undefined);
  const versions = (options.kubectl ?? [])
    .filter((version) => kubectlBinary(version) === undefined)
    .map((version) => `kubectl.${version}`);
  const missing = [...tools, ...versions];
  if (missing.length === 0) return "";
  if (process.env["CI"] === "true") throw new Error(`missing in CI: ${missing.join(", ")}`);
  return `needs ${missing.join(", ")}`;
}
