import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { identifyProcess, isAlive, type ProcessIdentity } from "#node-agent/runtime/process-table";
import { CommandFailure } from "../failure.ts";
import type { ClusterPaths } from "./cluster-config.ts";

/** Lets one command at a time change a cluster. A lock whose holder died is taken over. @throws CommandFailure when somebody works on it. */
export async function withStateLock<T>(paths: ClusterPaths, work: () => Promise<T>): Promise<T> {
  await mkdir(paths.root, { recursive: true, mode: 0o700 });
  const file = join(paths.root, "lock");
  const own = await identifyProcess(process.pid);
  for (let tries = 0; ; tries++) {
    try {
      const handle = await open(file, "wx", 0o600);
      await handle.writeFile(JSON.stringify(own));
      await handle.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = await readHolder(file);
      if (tries > 0 || (holder !== undefined && (await isAlive(holder)))) {
        throw new CommandFailure(
          `another skiff command (process ${holder?.pid ?? "unknown"}) is working on this cluster: wait for it to end`,
        );
      }
      await rm(file, { force: true });
    }
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function readHolder(file: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
