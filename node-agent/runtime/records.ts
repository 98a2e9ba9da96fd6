import { mkdirSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "#base/logger";
import { KeyedLock } from "./keyed-lock.ts";
import { readJsonFile, writeJsonFile } from "./json-file.ts";
import type { ProcessIdentity } from "./process-table.ts";
import type { ContainerConfig, SandboxConfig } from "./runtime.ts";

/** What is kept of a sandbox beside its files. `creating` was interrupted, unless its call is still running. */
export interface SandboxRecord {
  readonly id: string;
  readonly config: SandboxConfig;
  readonly createdAt: number;
  readonly ip: string;
  readonly phase: "creating" | "ready" | "stopped";
}

export interface ContainerRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly podUid: string;
  readonly config: ContainerConfig;
  readonly createdAt: number;
  readonly cgroupPath: string;
  readonly stopSignal: string;
  readonly phase: "creating" | "created";
  /** Set before the first process is made: from then on something may be running. */
  readonly startRequestedAt?: number;
  readonly monitor?: ProcessIdentity;
  readonly init?: ProcessIdentity;
  /** Set after the command has begun to run. */
  readonly startedAt?: number;
  readonly exit?: ContainerExit;
}

export interface ContainerExit {
  readonly code: number;
  readonly finishedAt: number;
  readonly reason: string;
  readonly message?: string;
}

/**
 * One folder and one file in it for each sandbox or container. What a crash of the machine damaged is dropped with its folder: its
 * processes died with the machine.
 */
export class RecordStore<T extends { readonly id: string }> {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #records = new Map<string, T>();
  readonly #writes = new KeyedLock();

  constructor({ folder, log }: { folder: string; log: Logger }) {
    this.#folder = folder;
    this.#log = log;
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const id of await readdir(this.#folder)) {
      const record = await this.#read(id);
      if (record === undefined) await rm(this.folderOf(id), { recursive: true, force: true });
      else this.#records.set(id, record);
    }
  }

  get(id: string): T | undefined {
    return this.#records.get(id);
  }

  all(): readonly T[] {
    return [...this.#records.values()];
  }

  folderOf(id: string): string {
    return join(this.#folder, id);
  }

  async put(record: T): Promise<T> {
    return this.#writes.run(record.id, () => this.#write(record));
  }

  /** Changes what is there now. Nothing there: nothing is written. */
  async update(id: string, change: (record: T) => T): Promise<T | undefined> {
    return this.#writes.run(id, async () => {
      const current = this.#records.get(id);
      return current === undefined ? undefined : this.#write(change(current));
    });
  }

  /** Forgets it and removes its folder with everything in it. */
  async delete(id: string): Promise<void> {
    await this.#writes.run(id, async () => {
      await rm(this.folderOf(id), { recursive: true, force: true, maxRetries: 3 });
      this.#records.delete(id);
    });
  }

  async #write(record: T): Promise<T> {
    if (!this.#records.has(record.id)) mkdirSync(this.folderOf(record.id), { recursive: true, mode: 0o700 });
    await writeJsonFile(this.#fileOf(record.id), record);
    this.#records.set(record.id, record);
    return record;
  }

  async #read(id: string): Promise<T | undefined> {
    try {
      return await readJsonFile<T>(this.#fileOf(id));
    } catch (error) {
      this.#log.warn("dropping a damaged record", { file: this.#fileOf(id), error });
      return undefined;
    }
  }

  #fileOf(id: string): string {
    return join(this.folderOf(id), "record.json");
  }
}
