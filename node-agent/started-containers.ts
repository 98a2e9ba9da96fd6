import { access, writeFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AgentDirectories } from "./agent-parts.ts";
import type { StoredPod } from "./pod-spec.ts";

interface Attempt {
  readonly name: string;
  readonly attempt: number;
}

/** Written once the postStart hook of that very start has succeeded; it goes with the pod's folder. */
export async function rememberStarted(directories: AgentDirectories, pod: StoredPod, attempt: Attempt): Promise<void> {
  const file = markerOf(directories, pod, attempt);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, "");
}

export async function hasStarted(directories: AgentDirectories, pod: StoredPod, attempt: Attempt): Promise<boolean> {
  return access(markerOf(directories, pod, attempt)).then(
    () => true,
    () => false,
  );
}

function markerOf({ pods }: AgentDirectories, { metadata }: StoredPod, { name, attempt }: Attempt): string {
  return join(pods, metadata.uid, "containers", name, `${attempt}.started`);
}
