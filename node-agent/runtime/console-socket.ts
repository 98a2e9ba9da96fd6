import { closeSync, openSync, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import koffi from "koffi";
import { check } from "./syscalls.ts";

const libc = koffi.load(null);
koffi.struct("iovec", { base: "void *", length: "size_t" });
koffi.struct("msghdr", {
  name: "void *",
  nameLength: "uint32_t",
  parts: "iovec *",
  partCount: "size_t",
  control: "void *",
  controlLength: "size_t",
  flags: "int",
});
const socketCall = libc.func("int socket(int, int, int)") as Call;
const bindCall = libc.func("int bind(int, const uint8_t*, uint32_t)") as Call;
const listenCall = libc.func("int listen(int, int)") as Call;
const acceptCall = libc.func("int accept4(int, void*, void*, int)") as Call;
const receiveCall = libc.func("long recvmsg(int, _Inout_ msghdr*, int)") as Call;

type Call = (...values: (number | Uint8Array | object | null)[]) => number;

const unixFamily = 1;
const stream = 1;
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
const closeReceivedOnExec = 0x40000000;

/**
 * Where an OCI runtime sends the terminal that it made for a process (`--console-socket`): one descriptor, the master's end.
 * Nothing here waits.
 */
export class ConsoleSocket {
  /** For the runtime. By descriptor, because the address of a socket may have no more than 107 bytes. */
  readonly path: string;
  readonly #file: string;
  readonly #folder: number;
  readonly #listening: number;
  #connection: number | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#folder = openSync(dirname(file), "r");
    this.path = `/proc/${process.pid}/fd/${this.#folder}/${basename(file)}`;
    this.#listening = socketCall(unixFamily, stream | nonBlocking | closeOnExec, 0);
    check("socket", this.#listening);
    const address = Buffer.concat([Buffer.from([unixFamily, 0]), Buffer.from(`${this.path}\0`)]);
    check(`bind ${file}`, bindCall(this.#listening, address, address.length));
    check(`listen ${file}`, listenCall(this.#listening, 1));
  }

  /** @returns a descriptor that is the caller's from now on, or undefined when none has come yet */
  receive(): number | undefined {
    if (this.#connection === undefined) {
      const accepted = acceptCall(this.#listening, null, null, nonBlocking | closeOnExec);
      check("accept4", accepted, ["EAGAIN"]);
      if (accepted === -1) return undefined;
      this.#connection = accepted;
    }
    const data = Buffer.alloc(4096);
    const control = Buffer.alloc(24);
    const parts = { base: data, length: data.length };
    const message = { name: null, nameLength: 0, parts, partCount: 1, control, controlLength: control.length, flags: 0 };
    const received = receiveCall(this.#connection, message, closeReceivedOnExec);
    check("recvmsg", received, ["EAGAIN"]);
    if (received <= 0) return undefined;
    return descriptorIn(control);
  }

  close(): void {
    for (const descriptor of [this.#connection, this.#listening, this.#folder])
      if (descriptor !== undefined) closeSync(descriptor);
    unlinkSync(this.#file);
  }
}

/** Of a cmsghdr: its length in 8 bytes, SOL_SOCKET and SCM_RIGHTS in 4 each, then the descriptor. */
function descriptorIn(control: Buffer): number {
  const [length, level, type] = [control.readUInt32LE(0), control.readInt32LE(8), control.readInt32LE(12)];
  if (length < 20 || level !== 1 || type !== 1) throw new Error("the runtime sent no terminal");
  return control.readInt32LE(16);
}
