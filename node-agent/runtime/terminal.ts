import { close, write } from "node:fs";
import { Readable, Writable } from "node:stream";
import { ReadStream } from "node:tty";
import { promisify } from "node:util";
import koffi from "koffi";
import type { Clock } from "#base/clock";
import type { TerminalSize } from "./runtime.ts";
import { check } from "./syscalls.ts";

const libc = koffi.load(null);
const fcntl = libc.func("int fcntl(int, int, int)") as (descriptor: number, command: number, value: number) => number;
const ioctl = libc.func("int ioctl(int, unsigned long, uint8_t*)") as (
  descriptor: number,
  request: number,
  value: Uint8Array,
) => number;

const setStatusFlags = 4;
const duplicateClosedOnExec = 1030;
const readWriteNonBlocking = 0o2 | 0o4000;
const setWindowSize = 0x5414;
/** How soon a program that does not read its terminal is tried again. */
const fullPauseMs = 10;

const closeDescriptor = promisify(close);
const writeSome = promisify(write);

/** The master's end of a pseudo terminal. */
export interface Terminal {
  readonly input: Writable;
  /** Ends when no program has the terminal open any more. */
  readonly output: Readable;
  resize(size: TerminalSize): void;
}

/** @param master becomes this terminal's own and is closed with its output */
export function openTerminal(master: number, clock: Clock): Terminal {
  check("fcntl", fcntl(master, setStatusFlags, readWriteNonBlocking));
  const forWriting = fcntl(master, duplicateClosedOnExec, 0);
  check("fcntl", forWriting);
  const reading = new ReadStream(master);
  const input = inputOf(forWriting, clock);
  const output = Readable.from(chunksOf(reading), { objectMode: false, highWaterMark: 64 * 1024 });
  output.once("close", () => {
    reading.destroy();
    input.destroy();
  });
  return {
    input,
    output,
    resize: ({ columns, rows }) => {
      if (input.destroyed) return;
      check("ioctl", ioctl(forWriting, setWindowSize, new Uint8Array(new Uint16Array([rows, columns, 0, 0]).buffer)), ["EIO"]);
    },
  };
}

/** EIO is how Linux says that nobody has the other end open. */
async function* chunksOf(reading: ReadStream): AsyncGenerator<Uint8Array> {
  try {
    yield* reading as AsyncIterable<Uint8Array>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
  }
}

/** Node's own writes to a terminal would block the process while a program does not read. */
function inputOf(descriptor: number, clock: Clock): Writable {
  const closing = new AbortController();
  let current: Promise<void> = Promise.resolve();
  const writeAll = async (chunk: Uint8Array): Promise<void> => {
    let rest = chunk;
    while (rest.length > 0 && !closing.signal.aborted) {
      try {
        const { bytesWritten } = await writeSome(descriptor, rest, 0, rest.length, null);
        rest = rest.subarray(bytesWritten);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // Nobody is there to read it.
        if (code === "EIO") return;
        if (code !== "EAGAIN") throw error;
        await clock.sleep(fullPauseMs, closing.signal).catch(() => undefined);
      }
    }
  };
  return new Writable({
    autoDestroy: false,
    write: (chunk: Uint8Array, _encoding, done) => {
      current = writeAll(chunk);
      current.then(() => done(), done);
    },
    destroy: (error, done) => {
      closing.abort();
      void current
        .catch(() => undefined)
        .then(() => closeDescriptor(descriptor))
        .finally(() => done(error));
    },
  });
}
