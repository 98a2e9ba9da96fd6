import { readdirSync, watch } from "node:fs";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock";

/** inotify loses nothing here, but a missed exit would hang a pod: look again now and then all the same. */
const safetyRescanMs = 10_000;

/** Where the monitors leave a file for every container that ended: named by its id, holding its exit code. */
export class ExitDirectory {
  readonly path: string;
  readonly #clock: Clock;

  constructor({ path, clock }: { path: string; clock: Clock }) {
    this.path = path;
    this.#clock = clock;
  }

  async open(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** Of whom there is an exit code: one look for all of them. */
  async ids(): Promise<ReadonlySet<string>> {
    return new Set(readdirSync(this.path));
  }

  async read(id: string): Promise<{ code: number; finishedAt: number } | undefined> {
    try {
      const file = join(this.path, id);
      const [text, status] = await Promise.all([readFile(file, "utf8"), stat(file)]);
      return { code: Number(text.trim()), finishedAt: Math.round(status.mtimeMs) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async forget(id: string): Promise<void> {
    await rm(join(this.path, id), { force: true });
  }

  /** Of containers that are removed: their monitors may have written after that. */
  async forgetOthers(known: ReadonlySet<string>): Promise<void> {
    const others = [...(await this.ids())].filter((id) => !known.has(id));
    await Promise.all(others.map((id) => this.forget(id)));
  }

  /** Yields after exits, at once for one that came while the consumer was busy, and every ten seconds. */
  async *changes(signal: AbortSignal, rescanMs = safetyRescanMs): AsyncGenerator<void, void, void> {
    const seen = { changed: false, wake: (): void => undefined };
    const watcher = watch(this.path, { persistent: false }, () => {
      seen.changed = true;
      seen.wake();
    });
    const isOver = () => signal.aborted;
    try {
      while (!isOver()) {
        const early = new AbortController();
        seen.wake = () => early.abort();
        if (!seen.changed) await this.#clock.sleep(rescanMs, AbortSignal.any([signal, early.signal])).catch(() => undefined);
        if (isOver()) return;
        seen.changed = false;
        yield;
      }
    } finally {
      watcher.close();
    }
  }
}
