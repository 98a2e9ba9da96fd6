/**
 * Values that say who wrote them and that they are whole: `id|` and filler that follows from the id. Everything about a value is in
 * its id.
 */
export interface ValueOrigin {
  readonly round: number;
  readonly writer: number;
  readonly turn: number;
  readonly isLeased: boolean;
  readonly size: number;
}

export function makeValue({ round, writer, turn, isLeased: leased, size }: ValueOrigin): Buffer {
  const id = `${round}.${writer}.${turn}.${leased ? "leased" : "stays"}.${size}`;
  return Buffer.concat([Buffer.from(`${id}|`), filler(id, size)]);
}

/** Its id; or what is wrong with it. */
export function describeValue(value: Uint8Array): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = bytes.indexOf("|");
  const id = bytes.toString("latin1", 0, end);
  const size = Number(id.split(".").at(-1));
  const isWhole = end > 0 && size === bytes.length - end - 1 && filler(id, size).equals(bytes.subarray(end + 1));
  return isWhole ? id : `damaged: ${JSON.stringify(bytes.toString("latin1", 0, 40))} of ${bytes.length} bytes`;
}

export function isLeased(id: string): boolean {
  return id.includes(".leased.");
}

export function roundOf(id: string): number {
  return Number(id.split(".")[0]);
}

function filler(id: string, size: number): Buffer {
  return Buffer.alloc(size, `${id} `);
}
