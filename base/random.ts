import { randomBytes } from "node:crypto";

/** The only way this code base rolls dice, so that a run can be replayed from its seed. */
export interface Random {
  /** In [0, 1). */
  float(): number;
  /** RFC 4122 version 4, lower case. */
  uuid(): string;
  bytes(count: number): Uint8Array;
}

/** Cryptographically strong: it also makes keys, serials and tokens. */
export const systemRandom: Random = fromBytes(pooledBytes);

/** Reproducible from `seed` (SplitMix32). For tests and simulations only: anyone can predict it. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  return fromBytes((count) => Uint8Array.from({ length: count }, () => next() & 0xff));
}

/** The system is asked for many at once: each question costs as much as four thousand bytes. What is long is asked for by itself. */
const poolSize = 4096;
const longestPooled = 16;
let pool: Uint8Array = new Uint8Array(0);
let used = 0;

/** No byte is given twice. */
function pooledBytes(count: number): Uint8Array {
  if (count > longestPooled) return randomBytes(count);
  if (used + count > pool.length) {
    pool = randomBytes(poolSize);
    used = 0;
  }
  const given = pool.slice(used, used + count);
  used += count;
  return given;
}

function fromBytes(bytes: (count: number) => Uint8Array): Random {
  return {
    bytes,
    float: () => {
      const four = bytes(4);
      return (((four[0] ?? 0) * 256 + (four[1] ?? 0)) * 256 + (four[2] ?? 0)) / 2 ** 24 + (four[3] ?? 0) / 2 ** 32;
    },
    uuid: () => {
      const raw = bytes(16);
      raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
      raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
      const hex = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("hex");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}

/** Without vowels and look-alikes, so that no word and no misreading comes up (upstream: apimachinery/util/rand). */
const nameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

/** The random end of a generated name, five characters unless told otherwise. */
export function nameSuffix(random: Random, length = 5): string {
  let suffix = "";
  while (suffix.length < length) suffix += nameAlphabet.charAt(Math.floor(random.float() * nameAlphabet.length));
  return suffix;
}
