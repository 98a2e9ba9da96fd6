import ipaddr from "ipaddr.js";

/** What is handed out of a node's pod range. Plain data, kept in a file. */
export interface AddressPool {
  /** The last address handed out, as an offset into the range. */
  readonly last: number;
  readonly held: Readonly<Record<string, string>>;
}

export const emptyPool: AddressPool = { last: 1, held: {} };

/** Addresses go round, so that one just released is not another pod's a moment later. @throws Error when all are held */
export function allocate(pool: AddressPool, range: string, holder: string): { pool: AddressPool; address: string } {
  const existing = pool.held[holder];
  if (existing !== undefined) return { pool, address: existing };
  const size = rangeSize(range);
  const held = new Set(Object.values(pool.held));
  for (let step = 1; step <= size; step++) {
    const offset = (pool.last + step) % size;
    const address = addressAt(range, offset);
    if (offset <= gatewayOffset || offset === size - 1 || held.has(address)) continue;
    return { pool: { last: offset, held: { ...pool.held, [holder]: address } }, address };
  }
  throw new Error(`no free address is left in ${range}: ${held.size} are in use`);
}

export function release(pool: AddressPool, holder: string): AddressPool {
  const { [holder]: _released, ...held } = pool.held;
  return { ...pool, held };
}

/** The first address of a range: its bridge's. */
export function gatewayOf(range: string): string {
  return addressAt(range, gatewayOffset);
}

export function prefixLength(range: string): number {
  return ipaddr.parseCIDR(range)[1];
}

/** IPv4 only. */
function addressAt(range: string, offset: number): string {
  const [base] = ipaddr.IPv4.parseCIDR(range);
  const number = base.toByteArray().reduce((sum, byte) => sum * 256 + byte, 0) + offset;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}

const gatewayOffset = 1;

function rangeSize(range: string): number {
  return 2 ** (32 - prefixLength(range));
}
