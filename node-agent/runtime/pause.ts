import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { identifyProcess, isAlive, type ProcessIdentity, signalProcess } from "./process-table.ts";

/**
 * The first process of a pod whose containers share their processes: a process namespace needs one that lives as long as the
 * pod and reaps what the containers leave behind. It is no child of the agent, and outlives it.
 *
 * @param namespace the file that its process namespace is bound to
 * @param enter puts a process into the pod's cgroup, so that nothing of this is left when that is removed
 */
export async function startPause(folder: string, namespace: string, enter: (pid: number) => Promise<void>): Promise<void> {
  const child = spawn("sh", ["-c", script, "sh", namespace], { stdio: ["pipe", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said.stderr += chunk.toString()));
  child.stdin.on("error", () => undefined);
  const closed = once(child, "close");
  await once(child, "spawn");
  await enter(child.pid ?? 0);
  child.stdin.end("go on\n");
  await closed;
  const pause = await identifyProcess(Number(said.stdout));
  if (said.stdout === "" || pause === undefined) throw new Error(`no process for the pod to share: ${said.stderr.trim()}`);
  await writeFile(recordOf(folder), JSON.stringify(pause));
}

/** With it everything ends that is in its namespace. */
export async function stopPause(folder: string): Promise<void> {
  const pause = await readPause(folder);
  if (pause !== undefined) await signalProcess(pause, "SIGKILL");
}

export async function hasPause(folder: string): Promise<boolean> {
  const pause = await readPause(folder);
  return pause !== undefined && isAlive(pause);
}

/** `unshare` binds the namespace's file and has to wait for its child, which it is not needed for: it is killed once that runs. */
const script = `
read -r _ || exit 1
command -v catatonit > /dev/null || { echo "catatonit is not installed" >&2; exit 1; }
setsid unshare --pid="$1" --fork catatonit -P < /dev/null > /dev/null 2>&1 &
parent=$!
for attempt in $(seq 500); do
  pause=$(cat "/proc/$parent/task/$parent/children" 2> /dev/null) || { echo "unshare failed" >&2; exit 1; }
  pause=\${pause% }
  if [ "$(stat -f -c %T "$1")" = nsfs ] && [ "$(cat "/proc/$pause/comm" 2> /dev/null)" = catatonit ]; then
    kill -9 "$parent"
    echo "$pause"
    exit 0
  fi
  sleep 0.01
done
kill -9 "$parent"
echo "it did not start in time" >&2
exit 1
`;

async function readPause(folder: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(recordOf(folder), "utf8").catch(() => undefined);
  return text === undefined || text === "" ? undefined : (JSON.parse(text) as ProcessIdentity);
}

function recordOf(folder: string): string {
  return join(folder, "pause.json");
}
