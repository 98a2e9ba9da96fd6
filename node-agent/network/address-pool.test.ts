import { describe, expect, it } from "vitest";
import { allocate, emptyPool, gatewayOf, release } from "./address-pool.ts";

describe("address pool", () => {
  it("keeps the network, the gateway and the broadcast address for itself", () => {
    let pool = emptyPool;
    const seen: string[] = [];
    for (let number = 0; number < 5; number++) {
      const next = allocate(pool, "10.1.2.0/29", `pod-${number}`);
      pool = next.pool;
      seen.push(next.address);
    }
    expect(seen).toEqual(["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]);
    expect(gatewayOf("10.1.2.0/29")).toBe("10.1.2.1");
    expect(() => allocate(pool, "10.1.2.0/29", "one too many")).toThrow("no free address is left in 10.1.2.0/29: 5 are in use");
  });

  it("answers the same address to the same pod", () => {
    const first = allocate(emptyPool, "10.1.2.0/24", "pod");
    expect(allocate(first.pool, "10.1.2.0/24", "pod")).toEqual(first);
  });

  it("does not hand a released address out again before all others", () => {
    const first = allocate(emptyPool, "10.1.2.0/29", "a");
    const second = allocate(release(first.pool, "a"), "10.1.2.0/29", "b");
    expect(second.address).toBe("10.1.2.3");
  });
});
