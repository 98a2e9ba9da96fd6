import { describe, expect, test } from "vitest";
import type { EndpointSlice } from "../generated/types.ts";
import { endpointSliceDefinition as definition } from "./endpoint-slice.ts";

const metadata = { name: "hello", namespace: "world" };
const good: EndpointSlice = {
  metadata,
  addressType: "IPv4",
  ports: [{ name: "http", protocol: "TCP", port: 80 }],
  endpoints: [{ addresses: ["10.1.2.3"], hostname: "valid-123" }],
};

describe("an EndpointSlice", () => {
  // Source: printEndpointSlice in pkg/printers/internalversion/printers.go.
  test.each([
    [good, ["IPv4", "80", "10.1.2.3"]],
    [{ metadata, addressType: "FQDN" }, ["FQDN", "<unset>", "<unset>"]],
    [
      {
        ...good,
        ports: [{ name: "a" }, { port: 1 }, { port: 2 }, { port: 3 }],
        endpoints: [{ addresses: ["1.1.1.1", "1.1.1.2"] }, { addresses: ["1.1.1.3", "1.1.1.4", "1.1.1.5"] }],
      },
      ["IPv4", "a,1,2 + 1 more...", "1.1.1.1,1.1.1.2,1.1.1.3 + 2 more..."],
    ],
  ])("shows the first of its ports and addresses: %#", (slice, expected) => {
    expect(definition.tableColumns.map(({ name }) => name)).toEqual(["AddressType", "Ports", "Endpoints", "Age"]);
    expect(definition.tableRow(slice, 0).slice(0, 3)).toEqual(expected);
  });
});
