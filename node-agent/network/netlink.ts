import { closeSync } from "node:fs";
import { endianness } from "node:os";
import koffi from "koffi";
import { check, SyscallError } from "../runtime/syscalls.ts";

/** One request to the kernel's routing subsystem (rtnetlink(7)): what `ip` makes of a line, without a program for it. */
export interface NetlinkRequest {
  /** For messages. */
  readonly what: string;
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

export const netlinkTypes = { newLink: 16, deleteLink: 17, newAddress: 20, newRoute: 24 } as const;
export const netlinkFlags = { exclusive: 0x200, create: 0x400 } as const;

/** A socket belongs to the network namespace that it was opened in, whoever uses it. */
export class NetlinkSocket {
  readonly #descriptor: number;

  /** Of the network namespace that this thread is in. */
  constructor() {
    this.#descriptor = socketCall(netlinkFamily, rawSocket, routeProtocol);
    check("socket", this.#descriptor);
  }

  /** In order; the kernel goes on after one that fails. @throws SyscallError of the first that failed */
  async send(requests: readonly NetlinkRequest[]): Promise<void> {
    await this.#say(requests.map((one) => ({ ...one, flags: one.flags | acknowledge })));
    const failures = new Map<number, number>();
    while (failures.size < requests.length)
      for (const { type, place, body } of this.#receive()) if (type === errorType) failures.set(place, failureOf(body));
    for (const [place, { what }] of requests.entries()) {
      const failure = failures.get(place) ?? 0;
      if (failure !== 0) throw new SyscallError(what, failure);
    }
  }

  /** The number of a link by its name. @throws SyscallError ENODEV when there is none */
  async indexOf(link: string): Promise<number> {
    const what = `find ${link}`;
    const body = Buffer.concat([linkHeader({}), attribute(linkNameType, link)]);
    await this.#say([{ what, type: getLink, flags: 0, body }]);
    const [answer] = this.#receive();
    if (answer === undefined) throw new Error(`${what}: the kernel said nothing`);
    if (answer.type === errorType) throw new SyscallError(what, failureOf(answer.body));
    return answer.body.getInt32(4, little);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** The kernel does it before this returns, and may have to wait for others: not in this thread. */
  async #say(requests: readonly NetlinkRequest[]): Promise<void> {
    const message = Buffer.concat(requests.map(encode));
    const sent = await new Promise<number>((resolve, reject) => {
      sendCall.async(this.#descriptor, message, message.length, 0, (error, result) => {
        if (error === null) resolve(result);
        else reject(error);
      });
    });
    if (sent !== message.length)
      throw new Error(`the kernel took ${sent} of ${message.length} bytes for ${requests[0]?.what ?? ""}`);
  }

  /** What has been answered is there when the question has been sent. @throws SyscallError EAGAIN when nothing is */
  #receive(): readonly Answer[] {
    const buffer = Buffer.alloc(32 * 1024);
    const length = receiveCall(this.#descriptor, buffer, buffer.length, doNotWait);
    check("recv", length);
    const view = new DataView(buffer.buffer, buffer.byteOffset, length);
    const answers: Answer[] = [];
    for (let at = 0; at < length;) {
      const size = view.getUint32(at, little);
      const body = new DataView(buffer.buffer, buffer.byteOffset + at + headerSize, size - headerSize);
      answers.push({ type: view.getUint16(at + 4, little), place: view.getUint32(at + 8, little), body });
      at += aligned(size);
    }
    return answers;
  }
}

interface Answer {
  readonly type: number;
  /** Of the request that it belongs to. */
  readonly place: number;
  readonly body: DataView;
}

function failureOf(body: DataView): number {
  return -body.getInt32(0, little);
}

/** An attribute with its header, filled up to four bytes. */
export function attribute(type: number, value: Buffer | string | number): Buffer {
  const content = typeof value === "number" ? number32(value) : typeof value === "string" ? Buffer.from(`${value}\0`) : value;
  const header = Buffer.concat([number16(4 + content.length), number16(type)]);
  return padded(Buffer.concat([header, content]));
}

export function number32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  new DataView(buffer.buffer, buffer.byteOffset).setUint32(0, value >>> 0, little);
  return buffer;
}

/** `struct ifinfomsg`. */
export function linkHeader({ index = 0, up = false }: { readonly index?: number; readonly up?: boolean }): Buffer {
  const flags = up ? 1 : 0;
  return Buffer.concat([Buffer.alloc(4), number32(index), number32(flags), number32(flags)]);
}

function number16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  new DataView(buffer.buffer, buffer.byteOffset).setUint16(0, value, little);
  return buffer;
}

/** With its place as its number. */
function encode({ type, flags, body }: NetlinkRequest, place: number): Buffer {
  const header = [number32(headerSize + body.length), number16(type), number16(flags | request), number32(place), number32(0)];
  return padded(Buffer.concat([...header, body]));
}

function padded(buffer: Buffer): Buffer {
  return Buffer.concat([buffer, Buffer.alloc(aligned(buffer.length) - buffer.length)]);
}

function aligned(size: number): number {
  return (size + 3) & ~3;
}

interface SendCall {
  async(
    descriptor: number,
    message: Uint8Array,
    length: number,
    flags: number,
    done: (error: Error | null, sent: number) => void,
  ): void;
}

const libc = koffi.load(null);
const socketCall = libc.func("int socket(int, int, int)") as (family: number, type: number, protocol: number) => number;
const sendCall = libc.func("long send(int, const uint8_t*, size_t, int)") as unknown as SendCall;
const receiveCall = libc.func("long recv(int, uint8_t*, size_t, int)") as (
  descriptor: number,
  buffer: Uint8Array,
  length: number,
  flags: number,
) => number;

const little = endianness() === "LE";
const netlinkFamily = 16;
/** Closed on exec. */
const rawSocket = 3 | 0o2000000;
const routeProtocol = 0;
const headerSize = 16;
const errorType = 2;
const getLink = 18;
const linkNameType = 3;
const [request, acknowledge] = [1, 4];
const doNotWait = 0x40;
