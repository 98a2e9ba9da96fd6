import { homedir, userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { readFileSync } from "node:fs";
import type { KubeconfigTarget } from "#cluster/commands/up-checks";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The kubeconfig that kubectl will read: `--kubeconfig`, else the first of $KUBECONFIG, else ~/.kube/config. Under sudo it is that
 * of the person behind it, and stays theirs.
 */
export function kubeconfigTarget(given: string | undefined, env: Environment): KubeconfigTarget {
  const { SUDO_UID, SUDO_GID, SUDO_USER, KUBECONFIG } = env;
  const isSudo = process.getuid?.() === 0 && SUDO_UID !== undefined && SUDO_GID !== undefined && SUDO_USER !== undefined;
  const owner = isSudo ? { owner: { uid: Number(SUDO_UID), gid: Number(SUDO_GID) } } : {};
  const first = KUBECONFIG?.split(delimiter).find((file) => file !== "");
  const home = isSudo ? (homeOf(Number(SUDO_UID)) ?? homedir()) : (env["HOME"] ?? userInfo().homedir);
  return { file: given ?? first ?? join(home, ".kube/config"), ...owner };
}

function homeOf(uid: number): string | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.split(":")[2] === String(uid));
  return line?.split(":")[5];
}
