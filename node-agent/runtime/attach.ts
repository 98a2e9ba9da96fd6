import { close, closeSync, openSync, read, write } from "node:fs";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { promisify } from "node:util";
import koffi from "koffi";
import type { Clock } from "#base/clock";
import { resizeConmonTerminal } from "./conmon.ts";
import type { ExecProcess } from "./runtime.ts";
import { check } from "./syscalls.ts";

const libc = koffi.load(null);
const socketCall = libc.func("int socket(int, int, int)") as (family: number, type: number, protocol: number) => number;
const connectCall = libc.func("int connect(int, const uint8_t*, uint32_t)") as (
  descriptor: number,
  address: Uint8Array,
  length: number,
) => number;
const shutdownCall = libc.func("int shutdown(int, int)") as (descriptor: number, how: number) => number;

const readSome = promisify(read);
const writeSome = promisify(write);
const closeDescriptor = promisify(close);

const unixFamily = 1;
/** Sequenced packets, not blocking, closed on exec. */
const socketType = 5 | 0o4000 | 0o2000000;
const shutdownWriting = 1;

/** conmon reads no longer packets than this. */
const longestPacket = 8 * 1024;
/** Node cannot wait for such a socket, so it is looked at that often while somebody is attached and nothing comes. */
const idleMs = 10;
const [fromStdout, fromStderr] = [2, 3];

export interface AttachOptions {
  /** Where the container's monitor has its sockets. */
  readonly bundle: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly clock: Clock;
}

/**
 * Joins the streams of a container's own process, by its monitor's socket. What it says from now on comes, to everybody who is
 * attached; ending the input ends the process's own, unless it is to stay open. `exit` is the connection's end, and `kill` ends
 * nothing but that.
 */
export async function attachTo({ bundle, stdin, tty, clock }: AttachOptions): Promise<ExecProcess> {
  const socket = connect(bundle);
  const over = new AbortController();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const input = stdin ? inputOf(socket, over.signal, clock) : undefined;
  let resized: Promise<void> = Promise.resolve();
  const exit = pass(socket, { [fromStdout]: stdout, [fromStderr]: stderr }, over.signal, clock).then(async () => {
    over.abort();
    await input?.settled();
    await closeDescriptor(socket);
    stdout.end();
    stderr.end();
    return 0;
  });
  return {
    ...(input && { stdin: input.stream }),
    stdout,
    ...(!tty && { stderr }),
    exit,
    resize: (size) => {
      // One after the other: kubectl sends two sizes at once, of which only the last is true.
      if (tty) resized = resized.then(() => resizeConmonTerminal(bundle, size)).catch(() => undefined);
    },
    kill: async () => {
      over.abort();
      for (const stream of [stdout, stderr, input?.stream]) stream?.destroy();
      await exit;
    },
  };
}

/** By the folder's descriptor, because the address of a socket may have no more than 107 bytes. */
function connect(bundle: string): number {
  const folder = openSync(bundle, "r");
  const socket = socketCall(unixFamily, socketType, 0);
  try {
    check("socket", socket);
    const address = Buffer.concat([Buffer.from([unixFamily, 0]), Buffer.from(`/proc/self/fd/${folder}/attach\0`)]);
    check(`connect ${join(bundle, "attach")}`, connectCall(socket, address, address.length));
    return socket;
  } catch (error) {
    if (socket !== -1) closeSync(socket);
    throw error;
  } finally {
    closeSync(folder);
  }
}

/** Each packet says in its first byte whose it is. Reads no faster than what was read is taken. */
async function pass(
  socket: number,
  outputs: Readonly<Record<number, PassThrough>>,
  over: AbortSignal,
  clock: Clock,
): Promise<void> {
  const buffer = Buffer.alloc(64 * 1024);
  while (!over.aborted) {
    const length = await orWait(() => readSome(socket, buffer, 0, buffer.length, null).then(({ bytesRead }) => bytesRead));
    if (length === 0) return;
    if (length === undefined) {
      await clock.sleep(idleMs, over).catch(() => undefined);
      continue;
    }
    const output = outputs[buffer[0] ?? 0];
    if (output === undefined || output.destroyed || output.write(Buffer.from(buffer.subarray(1, length)))) continue;
    await new Promise<void>((resolve) => {
      output.once("drain", resolve);
      output.once("close", resolve);
      over.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

/** Undefined: nothing can be read or written now. 0: the other end is gone. */
async function orWait(transfer: () => Promise<number>): Promise<number | undefined> {
  try {
    return await transfer();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "EAGAIN") return undefined;
    if (["ECONNRESET", "EPIPE"].includes(code)) return 0;
    throw error;
  }
}

function inputOf(socket: number, over: AbortSignal, clock: Clock): { readonly stream: Writable; settled(): Promise<unknown> } {
  let current: Promise<unknown> = Promise.resolve();
  const writeAll = async (chunk: Uint8Array): Promise<void> => {
    for (let rest = chunk; rest.length > 0 && !over.aborted;) {
      const size = Math.min(rest.length, longestPacket);
      const written = await orWait(() => writeSome(socket, rest, 0, size, null).then(({ bytesWritten }) => bytesWritten));
      if (written === 0) return;
      if (written === undefined) await clock.sleep(idleMs, over).catch(() => undefined);
      else rest = rest.subarray(written);
    }
  };
  const stream = new Writable({
    write: (chunk: Uint8Array, _encoding, done) => {
      const writing = writeAll(chunk);
      current = writing.catch(() => undefined);
      writing.then(() => done(), done);
    },
    final: (done) => {
      if (!over.aborted) shutdownCall(socket, shutdownWriting);
      done();
    },
  });
  return { stream, settled: () => current };
}
