import { isDeepStrictEqual } from "node:util";
import type { ResourceDefinition } from "../definition.ts";
import { immutable } from "../field-error.ts";
import type { DiscoveryEndpointPort, Endpoint, EndpointSlice } from "../generated/types.ts";
import { endpointSlices } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";
import { validateEndpointSlice } from "./endpoint-slice-validation.ts";

export const endpointSliceDefinition: ResourceDefinition<EndpointSlice> = {
  type: endpointSlices,
  singular: "endpointslice",
  versions: [{ version: "v1", schema: "io.k8s.api.discovery.v1.EndpointSlice" }],
  tracksGeneration: true,
  answersDeleted: true,
  withDefaults: (slice) => ({
    ...slice,
    ...(slice.ports && {
      ports: slice.ports.map((port) => ({ ...port, name: port.name ?? "", protocol: port.protocol ?? "TCP" })),
    }),
  }),
  prepareForCreate: withoutTopology,
  // Its labels say whose endpoints these are, so that they count as much as the endpoints.
  prepareForUpdate: (given, old) => {
    const next = isDeepStrictEqual(given.endpoints, old.endpoints) ? given : withoutTopology(given);
    if (isDeepStrictEqual(next.metadata.labels ?? {}, old.metadata.labels ?? {})) return next;
    return { ...next, metadata: { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
  },
  validate: validateEndpointSlice,
  validateUpdate: (next, old) => (next.addressType === old.addressType ? [] : [immutable("addressType", next.addressType)]),
  tableColumns: [
    column("AddressType", "The kind of address that its endpoints have."),
    column("Ports", "The ports of every endpoint."),
    column("Endpoints", "The addresses."),
    ageColumn,
  ],
  tableRow: ({ addressType, ports = [], endpoints = [], metadata }, now) => [
    addressType,
    ports.length === 0 ? "<unset>" : firstOf(ports.map(portText)),
    endpoints.length === 0 ? "<unset>" : firstOf(endpoints.flatMap(({ addresses }: Endpoint) => addresses)),
    age(metadata.creationTimestamp, now),
  ],
};

/** Only v1beta1 could say it. */
function withoutTopology(slice: EndpointSlice): EndpointSlice {
  const endpoints = (slice as Partial<EndpointSlice>).endpoints?.map(({ deprecatedTopology: _, ...endpoint }) => endpoint);
  return { ...slice, ...(endpoints && { endpoints }) };
}

function portText({ port, name }: DiscoveryEndpointPort): string {
  return port === undefined ? (name ?? "*") : `${port}`;
}

const shown = 3;

function firstOf(texts: readonly string[]): string {
  const text = texts.slice(0, shown).join(",");
  return texts.length <= shown ? text : `${text} + ${texts.length - shown} more...`;
}
