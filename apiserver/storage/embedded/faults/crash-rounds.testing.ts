import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { build } from "esbuild";
import { silentLogger } from "#base/logger";
import { packageRoot } from "#base/package-root";
import { systemClock } from "#base/clock";
import { seededRandom } from "#base/random";
import { hasStorageReason } from "../../storage.ts";
import { openEmbeddedStorage } from "../embedded-storage.ts";
import { knownFrom, nothingKnown, problemsOf, type Known } from "./crash-checks.testing.ts";
import type { Fault } from "./faulty-disk.testing.ts";
import type { Command, Plant, Shown, State } from "./crash-writer.testing.ts";

export interface CrashRounds {
  readonly rounds: number;
  readonly seed: number;
  readonly plant?: Plant;
  /** Every so many rounds the store is made anew, and that is interrupted. */
  readonly anewEvery?: number;
  /** Fails for some milliseconds of every second round, in which the store may refuse writes. */
  readonly failing?: { readonly fault: Fault; readonly errno: number };
  /** What befalls the store's file besides the death of its process. */
  readonly disk?: FaultyDisk;
}

export interface FaultyDisk {
  fail(fault: Fault, errno: number): void;
  mend(fault: Fault): void;
  /** For the process that writes to the store in `directory`. */
  environment(directory: string): Readonly<Record<string, string>>;
  /** Takes from the store what the disk loses. @returns how many writes were not flushed */
  cutPower(directory: string, pid: number, roll: () => number): number;
}

export interface CrashReport {
  /** The first round's with any; later ones would only follow from them. */
  readonly problems: readonly string[];
  readonly rounds: number;
  /** Writes that were acknowledged. */
  readonly acknowledged: number;
  /** Writes that failed, other than for what others wrote. */
  readonly refused: number;
  /** Writes to the file that were not flushed when the power was cut. */
  readonly unflushed: number;
}

/** Kills a writer of one store again and again, and looks each time at what it left. */
export async function crashRounds({
  rounds,
  seed,
  plant,
  anewEvery = Infinity,
  failing,
  disk,
}: CrashRounds): Promise<CrashReport> {
  const folder = mkdtempSync(join(tmpdir(), "skiff-crash-"));
  const directory = join(folder, "store");
  const random = seededRandom(seed);
  const roll = (): number => random.float();
  const program = await bundle(folder);
  const writers: Writer[] = [];
  const start = (): Writer => {
    const writer = new Writer(program, disk?.environment(directory) ?? {});
    writers.push(writer);
    return writer;
  };
  // Loads its code while the one before it writes.
  let next = start();
  let known: Known = nothingKnown;
  let shown: Shown[] = [];
  let wrote = 0;
  let acknowledged = 0;
  let unflushed = 0;
  let refused = 0;
  const look = async (writer: Writer, command: Extract<Command, { type: "open" | "expire" }>): Promise<string[]> => {
    const answer = await writer.ask(command);
    if (typeof answer === "string") return [answer];
    const believed = shown.filter(([kind]) => failing === undefined || kind !== "failed");
    refused += shown.length - believed.length;
    const problems = problemsOf(known, answer, believed, wrote);
    acknowledged += shown.filter(([kind]) => kind === "wrote").length;
    known = knownFrom(answer);
    shown = [];
    return problems;
  };
  try {
    for (let round = 1; round <= rounds; round++) {
      const writer = next;
      next = start();
      const open: Command = { type: "open", directory, after: known.revision, ...(plant && { plant }) };
      const isAnew = round % anewEvery === 0;
      if (isAnew) {
        rmSync(directory, { recursive: true, force: true });
        known = nothingKnown;
        shown = [];
        wrote = 0;
      }
      if (isAnew || roll() < 0.1) {
        writer.tell({ ...open, after: known.revision });
        // Its opening takes a few milliseconds, once its code is loaded.
        if (isAnew) await until(() => existsSync(directory));
        await systemClock.sleep(roll() * (isAnew ? 12 : 15));
        await writer.kill();
      } else {
        const problems = await look(writer, open);
        if (problems.length > 0) return { problems, rounds: round, acknowledged, refused, unflushed };
        wrote = round;
        writer.tell({ type: "write", round, seed: seed + round });
        await writer.said(roll() * 150);
        if (failing !== undefined && round % 2 === 0) {
          disk?.fail(failing.fault, failing.errno);
          await systemClock.sleep(roll() * 15);
          // On a busy machine it may have written nothing in so short a time: once it must.
          if (refused === 0) await writer.hasFailed();
          disk?.mend(failing.fault);
        }
        await systemClock.sleep(roll() * 12);
        // With another boot's id a lock is void.
        if (round % 10 === 0 && disk === undefined) await expectLocked(directory);
        shown = await writer.kill();
      }
      unflushed += disk?.cutPower(directory, writer.pid, roll) ?? 0;
    }
    const problems = [
      ...(await look(next, { type: "open", directory, after: known.revision, ...(plant && { plant }) })),
      ...(await look(next, { type: "expire", directory, after: known.revision })),
      ...[...known.entries.values()].filter(({ id }) => id.includes(".leased.")).map(({ id }) => `${id} has lost its lease`),
    ];
    return { problems, rounds, acknowledged, refused, unflushed };
  } finally {
    await Promise.all(writers.map((writer) => writer.kill()));
    rmSync(folder, { recursive: true });
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = systemClock.monotonic() + 1_000;
  while (!condition() && systemClock.monotonic() < deadline) await systemClock.sleep(0.5);
}

async function expectLocked(directory: string): Promise<void> {
  try {
    const second = await openEmbeddedStorage({ directory, clock: systemClock, log: silentLogger });
    await second.close();
  } catch (error) {
    if (hasStorageReason(error, "Locked")) return;
    throw error;
  }
  throw new Error("a second process could open a store that is in use");
}

/** One process: it answers to `ask`, and is killed. */
class Writer {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: string[] = [];
  readonly #ended: Promise<unknown>;
  #errors = "";
  #heard: () => void = () => undefined;
  #answers = 0;
  #hasEnded = false;

  constructor(program: string, environment: Readonly<Record<string, string>>) {
    const env = { ...process.env, ...environment };
    this.#child = spawn(process.execPath, [program], { cwd: packageRoot, env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#child.stdin.on("error", () => undefined);
    createInterface(this.#child.stdout).on("line", (line) => {
      this.#lines.push(line);
      this.#heard();
    });
    this.#ended = once(this.#child, "close");
    void this.#ended.then(() => {
      this.#hasEnded = true;
      this.#heard();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  tell(command: Command): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** Waits until it has said so many lines since its last answer, or has ended, or long enough. */
  async said(lines: number): Promise<void> {
    const deadline = systemClock.monotonic() + 100;
    while (this.#lines.length < this.#answers + lines && !this.#hasEnded && systemClock.monotonic() < deadline) {
      await Promise.race([this.#change(), systemClock.sleep(20)]);
    }
  }

  /** Waits until it has said that a write failed, or has ended. */
  async hasFailed(): Promise<void> {
    const isFailure = (line: string): boolean => line.startsWith('["failed"');
    while (!this.#lines.some(isFailure) && !this.#hasEnded) await this.#change();
  }

  /** What it finds; or what it died of. */
  async ask(command: Command): Promise<State | string> {
    this.tell(command);
    while (this.#lines.length <= this.#answers && !this.#hasEnded) await this.#change();
    const line = this.#lines[this.#answers++];
    if (line !== undefined) return JSON.parse(line) as State;
    const { exitCode, signalCode } = this.#child;
    return `the store could not be opened (${signalCode ?? `exit code ${exitCode ?? "unknown"}`}): ${this.#errors.trim()}`;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#heard = resolve));
  }

  /** @returns what it said since its last answer, as far as that got out whole */
  async kill(): Promise<Shown[]> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    return this.#lines.slice(this.#answers).flatMap((line) => {
      try {
        const shown = JSON.parse(line) as Shown;
        return Array.isArray(shown) ? [shown] : [];
      } catch {
        return [];
      }
    });
  }
}

async function bundle(folder: string): Promise<string> {
  const outfile = join(folder, "writer.mjs");
  await build({
    absWorkingDir: packageRoot,
    entryPoints: ["apiserver/storage/embedded/faults/crash-writer.testing.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["source"],
    plugins: [
      {
        // Native code, which the bundle finds where it is installed.
        name: "lmdb",
        setup: (bundler) =>
          bundler.onResolve({ filter: /^lmdb$/ }, () => ({ path: import.meta.resolve("lmdb"), external: true })),
      },
    ],
    logLevel: "error",
  });
  return outfile;
}
