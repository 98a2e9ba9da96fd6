import { open, stat } from "node:fs/promises";
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
  const print = new Printer(options);
  const older = await rotatedLogs(path);
  const files = [...older, path];
  const start = options.tailLines === undefined ? { file: 0, offset: 0 } : await tailStart(files, options.tailLines);
  for (let index = start.file; index < older.length; index++) {
    yield* print.file(files[index] ?? "", index === start.file ? start.offset : 0, signal);
  }
  let offset = start.file === older.length ? start.offset : 0;
  let inode = await inodeOf(path);
  for (;;) {
    // Asked before reading, so that nothing written before the end is missed.
    const running = options.follow && (await isRunning());
    const before = print.position;
    yield* print.file(path, offset, signal);
    offset = print.position === before ? offset : print.position;
    if (print.full || !running) return;
    await clock.sleep(pollMs, signal);
    const now = await inodeOf(path);
    if (now === inode || now === undefined) continue;
    // Renamed meanwhile: first the rest of the old file.
    const rotated = (await rotatedLogs(path)).at(-1);
    if (rotated !== undefined) yield* print.file(rotated, offset, signal);
    inode = now;
    offset = 0;
    print.position = 0;
  }
}

class Printer {
  /** In the file that was read last: behind the last whole line. */
  position = 0;
  readonly #options: LogOptions;
  #continues = false;
  #left: number;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Infinity;
  }

  get full(): boolean {
    return this.#left <= 0;
  }

  /** The whole lines from `offset` on. */
  async *file(path: string, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const file = await open(path).catch(() => undefined);
    if (file === undefined) return;
    try {
      let rest = Buffer.alloc(0);
      this.position = offset;
      for (let at = offset; !this.full;) {
        signal.throwIfAborted();
        const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
        const end = bytes.lastIndexOf(newline) + 1;
        rest = bytes.subarray(end);
        this.position += end;
        const printed = this.#print(bytes.subarray(0, end));
        if (printed.length > 0) yield printed;
      }
    } finally {
      await file.close();
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
      if (timestamps && !this.#continues) parts.push(Buffer.from(`${line.time} `));
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

async function inodeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino;
}
