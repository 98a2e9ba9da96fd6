import type { Revision } from "../storage.ts";

/** What is to be there instead of what was there: a value, or nothing. */
export type Replacement = "nothing" | { readonly value: Uint8Array; readonly lease?: string };

/** etcd's `TxnRequest` that replaces what is at one key if that was written at one revision; 0: if nothing is there. */
export function encodeSwap(key: Uint8Array, expected: Revision, replacement: Replacement): Uint8Array {
  const value = replacement === "nothing" ? undefined : replacement.value;
  const message = new BackwardWriter(2 * key.length + (value?.length ?? 0) + roomForTheRest);
  message.nested(txnRequest.success, () => {
    if (replacement === "nothing") {
      message.nested(requestOp.deleteRange, () => message.bytes(put.key, key));
      return;
    }
    message.nested(requestOp.put, () => {
      if (replacement.lease !== undefined) message.number(put.lease, BigInt(replacement.lease));
      message.bytes(put.value, replacement.value);
      message.bytes(put.key, key);
    });
  });
  message.nested(txnRequest.compare, () => {
    message.number(compare.modRevision, expected);
    message.bytes(compare.key, key);
    message.number(compare.target, targetMod);
    message.number(compare.result, resultEqual);
  });
  return message.written;
}

/** What a `TxnResponse` says of it. */
export function decodeSwapped(response: Uint8Array): { readonly succeeded: boolean; readonly revision: Revision } {
  let revision = 0;
  let succeeded = 0;
  readFields(response, (field, number, bytes) => {
    if (field === txnResponse.succeeded) succeeded = number;
    if (field !== txnResponse.header) return;
    readFields(bytes, (inner, value) => {
      if (inner === responseHeader.revision) revision = value;
    });
  });
  return { succeeded: succeeded === 1, revision };
}

/** Numbers of fields, as in etcd's rpc.proto. */
const txnRequest = { compare: 1, success: 2 };
const compare = { result: 1, target: 2, key: 3, modRevision: 6 };
const resultEqual = 0;
const targetMod = 2;
const requestOp = { put: 2, deleteRange: 3 };
const put = { key: 1, value: 2, lease: 3 };
const txnResponse = { header: 1, succeeded: 2 };
const responseHeader = { revision: 3 };

/** Tags, lengths and numbers. */
const roomForTheRest = 96;
const varintType = 0;
const fixed64Type = 1;
const bytesType = 2;

/** Writes a protocol buffer from its end to its beginning: of what is nested the length is then known where it is to be written. */
class BackwardWriter {
  readonly #buffer: Buffer;
  #start: number;

  constructor(room: number) {
    this.#buffer = Buffer.allocUnsafe(room);
    this.#start = room;
  }

  get written(): Uint8Array {
    return this.#buffer.subarray(this.#start);
  }

  number(field: number, value: number | bigint): void {
    this.#varint(value);
    this.#tag(field, varintType);
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.#start -= bytes.length;
    this.#buffer.set(bytes, this.#start);
    this.#varint(bytes.length);
    this.#tag(field, bytesType);
  }

  /** Its fields, too, the last one first. */
  nested(field: number, write: () => void): void {
    const end = this.#start;
    write();
    this.#varint(end - this.#start);
    this.#tag(field, bytesType);
  }

  #tag(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  #varint(value: number | bigint): void {
    const groups: number[] = [];
    let rest = BigInt(value);
    for (; rest > 127n; rest >>= 7n) groups.push(Number(rest & 127n) | 128);
    groups.push(Number(rest));
    this.#start -= groups.length;
    this.#buffer.set(groups, this.#start);
  }
}

/** Numbers above 2^53 come out rounded. */
function readFields(message: Uint8Array, take: (field: number, number: number, bytes: Uint8Array) => void): void {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw new Error("etcd's answer is cut off");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const type = tag % 8;
    const number = type === varintType || type === bytesType ? varint() : 0;
    const length = type === varintType ? 0 : type === bytesType ? number : type === fixed64Type ? 8 : 4;
    take(Math.floor(tag / 8), number, message.subarray(at, at + length));
    at += length;
  }
}
