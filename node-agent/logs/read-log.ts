import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "#base/clock";
import { parseLogLine } from "./log-line.ts";
import { rotatedLogs } from "./rotate-logs.ts";

/** As in PodLogOptions. */
export interface LogOptions {
  readonly follow: boolean;
  readonly tailLines?: number;
  /** RFC 3339: only what was written then or later. */
  readonly since?: string;
  readonly timestamps: boolean;
  readonly limitBytes?: number;
  readonly stream?: "Stdout" | "Stderr";
}

export interface LogReading {
  readonly path: string;
  readonly options: LogOptions;
  /** Whether the container may still write. */
  readonly isRunning: () => Promise<boolean>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const chunkBytes = 64 * 1024;
const pollMs = 200;
const newline = 0x0a;

/**
 * What a container wrote, as it wrote it: the CRI's framing is taken off and split lines are joined. Following goes on across
 * rotations and ends with the container.
 */
export async function* readLog({ path, options, isRunning, clock, signal }: LogReading): AsyncGenerator<Uint8Array> {
  const print = new Printer(options, signal);
  const older = await rotatedLogs(path);
  const files = [...older, path];
  const start = options.tailLines === undefined ? { file: 0, offset: 0 } : await tailStart(files, options.tailLines);
  for (let index = start.file; index < older.length; index++) {
    const file = await openLog(files[index] ?? "");
    if (file === undefined) continue;
    try {
      yield* print.rest(file, index === start.file ? start.offset : 0);
    } finally {
      await file.close();
    }
  }
  yield* follow(start.file === older.length ? start.offset : 0);

  /** Holds the file open: what was written before it was renamed or removed can still be read. */
  async function* follow(offset: number): AsyncGenerator<Uint8Array> {
    let file = await openLog(path);
    try {
      if (file !== undefined) yield* print.rest(file, offset);
      while (options.follow && !print.full) {
        // Asked before reading, so that nothing written before the end is missed.
        const running = await isRunning();
        if (file !== undefined) yield* print.rest(file);
        const fresh = await openLog(path);
        if (fresh !== undefined && !(await isSameFile(fresh, file))) {
          // Renamed meanwhile, perhaps after it was read.
          if (file !== undefined) yield* print.rest(file);
          await file?.close();
          file = fresh;
          yield* print.rest(file, 0);
        } else {
          await fresh?.close();
        }
        if (!running) return;
        await clock.sleep(pollMs, signal);
      }
    } finally {
      await file?.close();
    }
  }
}

class Printer {
  readonly #options: LogOptions;
  readonly #signal: AbortSignal;
  /** In the file that was read last: behind the last whole line. */
  #position = 0;
  #continues = false;
  #left: number;

  constructor(options: LogOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#left = options.limitBytes ?? Infinity;
  }

  get full(): boolean {
    return this.#left <= 0;
  }

  /** The whole lines from `offset` on; without one, from where the last reading of this file ended. */
  async *rest(file: FileHandle, offset: number = this.#position): AsyncGenerator<Uint8Array> {
    let rest = Buffer.alloc(0);
    this.#position = offset;
    for (let at = offset; !this.full;) {
      this.#signal.throwIfAborted();
      const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(newline) + 1;
      rest = bytes.subarray(end);
      this.#position += end;
      const printed = this.#print(bytes.subarray(0, end));
      if (printed.length > 0) yield printed;
    }
  }

  #print(lines: Buffer): Buffer {
    const parts: Buffer[] = [];
    for (let start = 0; start < lines.length;) {
      const end = lines.indexOf(newline, start);
      const line = parseLogLine(lines.subarray(start, end));
      start = end + 1;
      if (line === undefined) continue;
      const { since, timestamps, stream } = this.#options;
      if (since !== undefined && compareTimes(line.time, since) < 0) continue;
      if (stream !== undefined && stream.toLowerCase() !== line.stream) continue;
      if (timestamps && !this.#continues) parts.push(Buffer.from(`${shownTime(line.time)} `));
      parts.push(line.content);
      if (!line.partial) parts.push(Buffer.from("\n"));
      this.#continues = line.partial;
    }
    const printed = Buffer.concat(parts);
    const kept = printed.subarray(0, Math.min(printed.length, this.#left));
    this.#left -= kept.length;
    return kept;
  }
}

/** Where the last `lines` lines begin. Pieces of a split line count as one. */
async function tailStart(files: readonly string[], lines: number): Promise<{ file: number; offset: number }> {
  let wanted = lines;
  for (let index = files.length - 1; index >= 0; index--) {
    const found = await tailOffset(files[index] ?? "", wanted);
    if (found.counted >= wanted || index === 0) return { file: index, offset: found.offset };
    wanted -= found.counted;
  }
  return { file: 0, offset: 0 };
}

async function tailOffset(path: string, lines: number): Promise<{ offset: number; counted: number }> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return { offset: 0, counted: 0 };
  try {
    const { size } = await file.stat();
    if (lines === 0) return { offset: size, counted: 0 };
    let bytes = Buffer.alloc(0);
    for (let start = size; ;) {
      const read = Math.min(chunkBytes, start);
      start -= read;
      const chunk = Buffer.alloc(read);
      await file.read(chunk, 0, read, start);
      bytes = Buffer.concat([chunk, bytes]);
      const starts = lineStarts(bytes, start === 0);
      if (starts.length >= lines + 1 || start === 0) {
        const first = starts.at(-lines) ?? starts[0] ?? 0;
        return { offset: start + first, counted: Math.min(starts.length, lines) };
      }
    }
  } finally {
    await file.close();
  }
}

/** Where whole lines of the container begin: behind each line that is not partial. */
function lineStarts(bytes: Buffer, fromStart: boolean): number[] {
  const starts: number[] = [];
  let begins = fromStart;
  for (let at = fromStart ? 0 : bytes.indexOf(newline) + 1; at < bytes.length;) {
    const end = bytes.indexOf(newline, at);
    if (end < 0) break;
    if (begins) starts.push(at);
    begins = parseLogLine(bytes.subarray(at, end))?.partial !== true;
    at = end + 1;
  }
  return starts;
}

/** RFC 3339 with any number of decimals and any zone. */
function compareTimes(a: string, b: string): number {
  const byMs = Math.floor(Date.parse(a)) - Math.floor(Date.parse(b));
  if (byMs !== 0 || Number.isNaN(byMs)) return byMs || 0;
  const fraction = (time: string) => (/\.(\d+)/.exec(time)?.[1] ?? "").padEnd(9, "0");
  return fraction(a) < fraction(b) ? -1 : fraction(a) > fraction(b) ? 1 : 0;
}

async function openLog(path: string): Promise<FileHandle | undefined> {
  return open(path).catch(() => undefined);
}

async function isSameFile(a: FileHandle, b: FileHandle | undefined): Promise<boolean> {
  return b !== undefined && (await a.stat()).ino === (await b.stat()).ino;
}

/** As Go writes a time: UTC has a letter. */
function shownTime(time: string): string {
  return time.replace(/[+-]00:00$/, "Z");
}
