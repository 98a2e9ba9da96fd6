import { describe, expect, test } from "vitest";
import type { EndpointSlice } from "#api/generated/types";
import { wantedService, wantedSlice } from "./kubernetes-service.ts";

const here = { address: "172.30.0.1", port: 6443, clusterIp: "10.96.0.1" };
const stored = { uid: "u", resourceVersion: "3", creationTimestamp: "2026-01-01T00:00:00Z" };
/** As the server gives it back. */
const kept = (slice: EndpointSlice | undefined): EndpointSlice => {
  if (slice === undefined) throw new Error("nothing is wanted");
  return { ...slice, metadata: { ...slice.metadata, ...stored } };
};

describe("the way to the API server", () => {
  test("is left alone when it is right, with what others have written on it", () => {
    const slice = kept(wantedSlice(undefined, here));
    expect(slice.endpoints).toEqual([{ addresses: ["172.30.0.1"], conditions: { ready: true } }]);
    const labels = { ...slice.metadata.labels, mine: "yes" };
    expect(wantedSlice({ ...slice, metadata: { ...slice.metadata, labels } }, here)).toBeUndefined();
    expect(wantedService(wantedService(undefined, here), here)).toBeUndefined();
  });

  test("leads to another address and port after a restart there", () => {
    const slice = kept(wantedSlice(undefined, here));
    const next = wantedSlice(slice, { ...here, address: "172.30.7.1", port: 6444 });
    expect(next?.endpoints).toEqual([{ addresses: ["172.30.7.1"], conditions: { ready: true } }]);
    expect(next?.ports).toEqual([{ name: "https", port: 6444, protocol: "TCP" }]);
    expect(next?.metadata.resourceVersion).toBe("3");
    expect(wantedService(wantedService(undefined, here), { ...here, port: 6444 })?.spec?.ports?.[0]?.targetPort).toBe(6444);
  });

  test("leads nowhere when only this machine reaches the server", () => {
    const { address: _, ...alone } = here;
    const slice = wantedSlice(undefined, alone);
    expect(slice?.endpoints).toEqual([]);
    // An empty list is not always stored.
    const { endpoints: __, ...without } = kept(slice);
    expect(wantedSlice(without, alone)).toBeUndefined();
  });

  test("is of the kind that its address is", () => {
    expect(wantedSlice(undefined, { ...here, address: "fd00::1" })?.addressType).toBe("IPv6");
    expect(wantedService(undefined, { ...here, clusterIp: "fd00::1" })?.spec?.ipFamilies).toEqual(["IPv6"]);
  });
});
