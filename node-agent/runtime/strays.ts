import { readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import {
  childrenOf,
  identifyProcess,
  isAlive,
  killMembers,
  listProcessIds,
  sessionOf,
  signalProcess,
  type ProcessIdentity,
} from "./process-table.ts";

export interface StraysOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** What names one of these in its arguments is ours. */
  readonly folders: readonly string[];
  readonly runtimeBinary: string;
  readonly conmonBinary: string;
  /** The monitors of containers that are known: they stay. */
  readonly monitors: readonly ProcessIdentity[];
}

/** How long a call that an earlier agent began may take to end before it is killed. */
const patienceMs = 5000;

/**
 * Ends what an earlier agent began and did not live to see the end of: a call of the runtime would otherwise make or start a
 * container behind the back of who looks now and believes it is not there. Calls that are short are waited for, since a killed one
 * leaves things half done; monitors that no record knows, and commands whose client is gone, are killed.
 */
export async function endStrays(options: StraysOptions): Promise<void> {
  const { clock, log, monitors } = options;
  const found = await findStrays(options);
  const isMonitor = ({ process: { pid, startTime } }: Stray) =>
    monitors.some((monitor) => monitor.pid === pid && monitor.startTime === startTime);
  const deadline = clock.monotonic() + patienceMs;
  const untilGone = async (process: ProcessIdentity, latest: number): Promise<void> => {
    while (clock.monotonic() < latest && (await isAlive(process))) await clock.sleep(5);
  };
  await Promise.all(
    found.map(async (stray) => {
      if (isMonitor(stray)) return;
      log.info("ending what an earlier agent left running", { command: stray.argv.slice(0, 6).join(" ") });
      if (stray.kind === "exec") await killSessionsBelow(stray.process);
      else if (stray.kind === "call") await untilGone(stray.process, deadline);
      await signalProcess(stray.process, "SIGKILL");
      await untilGone(stray.process, deadline + patienceMs);
    }),
  );
}

interface Stray {
  readonly process: ProcessIdentity;
  readonly kind: "monitor" | "exec" | "call";
  readonly argv: readonly string[];
}

/** In this mount namespace only: what runs in a container may name what it likes. */
async function findStrays({ folders, runtimeBinary, conmonBinary }: StraysOptions): Promise<readonly Stray[]> {
  const ours = await readlink("/proc/self/ns/mnt");
  const tools = new Set(
    [runtimeBinary, conmonBinary, "unshare", "nsenter", "ip", "mount", "umount"].map((path) => basename(path)),
  );
  const all = await Promise.all(
    (await listProcessIds()).map(async (pid): Promise<Stray[]> => {
      const argv = await argumentsOf(pid);
      const tool = basename(argv[0] ?? "");
      if (!tools.has(tool) || pid === process.pid) return [];
      if (!argv.some((argument) => folders.some((folder) => argument.includes(folder)))) return [];
      if ((await readlink(`/proc/${pid}/ns/mnt`).catch(() => "")) !== ours) return [];
      const identity = await identifyProcess(pid);
      if (identity === undefined) return [];
      const isExec = tool === basename(runtimeBinary) && argv.includes("exec");
      const kind = tool === basename(conmonBinary) ? "monitor" : isExec ? "exec" : "call";
      return [{ process: identity, kind, argv }];
    }),
  );
  return all.flat();
}

async function argumentsOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.split("\0").slice(0, -1);
}

/** The runtime gives each command a session of its own, and ends after it. */
async function killSessionsBelow({ pid }: ProcessIdentity): Promise<void> {
  const own = await sessionOf(pid);
  for (const child of await childrenOf(pid)) {
    const session = await sessionOf(child.pid);
    if (session === undefined || session === own) await signalProcess(child, "SIGKILL");
    else await killMembers(session);
  }
}
