import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";

/**
 * What is wrong with the file of a store; undefined when it can be opened. lmdb trusts its file: a page that is cut off or is not
 * what it should be ends the process. So every page that leads to others is looked at first: that it is in the file and says what
 * it is, that its entries lie within it, and that what they name is in the file. Pages that hold nothing but a value are not read.
 *
 * The layout is that of lmdb 0.9 with the page headers of version 2 (lmdb-js: dependencies/lmdb/libraries/liblmdb/mdb.c).
 */
export function damageOf(path: string): string | undefined {
  // The file has the byte order of the machine.
  if (endianness() === "BE") return undefined;
  const file = openSync(path, "r");
  try {
    const check = new PageCheck(file, fstatSync(file).size);
    check.all();
    return undefined;
  } catch (error) {
    if (error instanceof Damage) return error.message;
    throw error;
  } finally {
    closeSync(file);
  }
}

class Damage extends Error {}

const metaSize = 168;
const headerSize = 24;
const nodeSize = 8;
const magic = 0xbeefc0de;
const version = 2;
const flags = { branch: 0x01, leaf: 0x02, meta: 0x08 };
/** Notes that lmdb makes for itself while a page is in memory. */
const passingFlags = 0xe000;
const nodeFlags = { big: 0x01, table: 0x02 };
/** Of a table without entries. */
const noPage = 2 ** 64;
const smallestPage = 512;
const largestPage = 65_536;

class PageCheck {
  readonly #file: number;
  readonly #size: number;
  #pageSize = 0;
  #pages = 0;
  #seen = new Uint8Array(0);

  constructor(file: number, size: number) {
    this.#file = file;
    this.#size = size;
  }

  all(): void {
    const meta = this.#latestMeta();
    this.#pages = Math.floor(this.#size / this.#pageSize);
    this.#seen = new Uint8Array(this.#pages);
    for (const table of [48, 96]) this.#table(meta, table);
  }

  /** Of the two, the one that was written last. */
  #latestMeta(): Buffer {
    const first = this.#meta(0);
    this.#pageSize = first.readUInt32LE(48);
    const isPowerOfTwo = (this.#pageSize & (this.#pageSize - 1)) === 0;
    if (!isPowerOfTwo || this.#pageSize < smallestPage || this.#pageSize > largestPage) throw new Damage("its head is damaged");
    const second = this.#meta(this.#pageSize);
    return number64(second, 152) > number64(first, 152) ? second : first;
  }

  #meta(offset: number): Buffer {
    const meta = Buffer.alloc(metaSize);
    if (readSync(this.#file, meta, 0, metaSize, offset) < metaSize) throw new Damage("it ends within its head");
    const isMeta = (meta.readUInt16LE(18) & flags.meta) !== 0 && meta.readUInt32LE(24) === magic;
    if (!isMeta) throw new Damage("it is no store, or its head is damaged");
    if ((meta.readUInt32LE(28) & 0xffff) !== version) throw new Damage("it is of another version of lmdb");
    return meta;
  }

  /** `at` is where the bytes describe a table. */
  #table(bytes: Buffer, at: number): void {
    const root = number64(bytes, at + 40);
    if (root !== noPage) this.#tree(root);
  }

  #tree(page: number): void {
    const bytes = this.#read(page);
    const kind = bytes.readUInt16LE(18) & ~passingFlags;
    if (kind !== flags.branch && kind !== flags.leaf) throw new Damage(`page ${page} is damaged`);
    const lower = bytes.readUInt16LE(20);
    const upper = bytes.readUInt16LE(22);
    if (lower % 2 !== 0 || lower > upper || upper > this.#pageSize - headerSize) throw new Damage(`page ${page} is damaged`);
    if (kind === flags.branch && lower === 0) throw new Damage(`page ${page} is empty`);
    for (let entry = 0; entry < lower; entry += 2) {
      const at = headerSize + bytes.readUInt16LE(headerSize + entry);
      if (at < headerSize + upper || at + nodeSize > this.#pageSize) throw new Damage(`page ${page} is damaged`);
      if (kind === flags.branch) this.#branch(page, bytes, at);
      else this.#leaf(page, bytes, at);
    }
  }

  #branch(page: number, bytes: Buffer, at: number): void {
    if (at + nodeSize + bytes.readUInt16LE(at + 6) > this.#pageSize) throw new Damage(`page ${page} is damaged`);
    this.#tree(bytes.readUInt32LE(at) + bytes.readUInt16LE(at + 4) * 2 ** 32);
  }

  #leaf(page: number, bytes: Buffer, at: number): void {
    const size = bytes.readUInt32LE(at);
    const kind = bytes.readUInt16LE(at + 4);
    const data = at + nodeSize + bytes.readUInt16LE(at + 6);
    const isBig = (kind & nodeFlags.big) !== 0;
    if (data + (isBig ? 24 : size) > this.#pageSize) throw new Damage(`page ${page} is damaged`);
    if (isBig) {
      const count = Math.floor((headerSize - 1 + size) / this.#pageSize) + 1;
      const first = number64(bytes, data);
      if (number64(bytes, data + 16) !== count) throw new Damage(`page ${page} is damaged`);
      if (first + count > this.#pages) throw cutOff(this.#size, (first + count) * this.#pageSize);
    } else if ((kind & nodeFlags.table) !== 0) {
      if (size !== 48) throw new Damage(`page ${page} is damaged`);
      this.#table(bytes, data);
    }
  }

  #read(page: number): Buffer {
    if (page >= this.#pages) throw cutOff(this.#size, (page + 1) * this.#pageSize);
    if (page < 2 || this.#seen[page] === 1) throw new Damage(`page ${page} is named where it does not belong`);
    this.#seen[page] = 1;
    const bytes = Buffer.allocUnsafe(this.#pageSize);
    const length = readSync(this.#file, bytes, 0, this.#pageSize, page * this.#pageSize);
    if (length < this.#pageSize || number64(bytes, 0) !== page) throw new Damage(`page ${page} is damaged`);
    return bytes;
  }
}

function cutOff(size: number, needed: number): Damage {
  return new Damage(`it ends after ${size} bytes, and something in it is said to be up to ${needed}`);
}

/** Exact below 2^53, beyond which no file is. */
function number64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
