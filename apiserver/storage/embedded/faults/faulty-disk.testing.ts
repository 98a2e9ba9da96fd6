import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";
import { systemRandom } from "#base/random";
import { afterPowerCut, losses, readUndoJournal } from "./undo-journal.testing.ts";

/** What can be made to fail; see disk.c. */
export type Fault = "flush" | "durable-write" | "write";

/** Why there can be none here; empty when there can. In CI that is a failure. */
export function whyNoFaultyDisk(): string {
  if (process.platform !== "linux") return "needs Linux";
  const folders = (process.env["PATH"] ?? "").split(":");
  if (folders.some((folder) => existsSync(join(folder, "tcc")))) return "";
  if (process.env["CI"] === "true") throw new Error("missing in CI: tcc");
  return "needs tcc";
}

/** Makes what LD_PRELOAD loads, which keeps a journal of all writes to a store, so that those not flushed can be taken back. */
export class FaultyDisk {
  readonly #folder = mkdtempSync(join(realpathSync(tmpdir()), "skiff-disk-"));

  constructor() {
    mkdirSync(join(this.#folder, "faults"));
    this.#boot();
    const source = join(packageRoot, "apiserver/storage/embedded/faults/disk.c");
    execFileSync("tcc", ["-nostdlib", "-shared", "-o", this.#library, source]);
  }

  get #library(): string {
    return join(this.#folder, "disk.so");
  }

  environment(directory: string): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      SKIFF_DISK_FILE: join(directory, "data"),
      SKIFF_DISK_JOURNAL: join(this.#folder, "journal"),
      SKIFF_DISK_FAULTS: join(this.#folder, "faults"),
      SKIFF_DISK_BOOT: join(this.#folder, "boot_id"),
    };
  }

  /** From now on, until `mend`. */
  fail(fault: Fault, errno: number): void {
    writeFileSync(join(this.#folder, "faults", fault), `${errno}`);
  }

  mend(fault: Fault): void {
    rmSync(join(this.#folder, "faults", fault));
  }

  /** To be called when the process is dead. */
  cutPower(directory: string, pid: number, roll: () => number): number {
    this.#boot();
    const journalFile = `${join(this.#folder, "journal")}.${pid}`;
    if (!existsSync(journalFile)) return 0;
    const journal = readUndoJournal(readFileSync(journalFile));
    rmSync(journalFile);
    const data = join(directory, "data");
    // A name that was given and not flushed may be the one before again, or none.
    const isNew = journal.writes[0]?.sizeBefore === 0 && !journal.folderFlushed;
    if (isNew && existsSync(data) && roll() < 0.5) renameSync(data, `${data}-new`);
    const file = [data, `${data}-new`].find((path) => existsSync(path));
    const unflushed = journal.writes.filter(({ flushed }) => !flushed).length;
    if (file === undefined) return unflushed;
    if (isNew && roll() < 0.3) {
      rmSync(file);
      return unflushed;
    }
    const loss = losses[Math.floor(roll() * losses.length)] ?? "everything";
    if (unflushed > 0) writeFileSync(file, afterPowerCut(readFileSync(file), journal, loss, roll));
    return unflushed;
  }

  #boot(): void {
    writeFileSync(join(this.#folder, "boot_id"), `${systemRandom.uuid()}\n`);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
