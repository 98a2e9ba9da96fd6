import type { DiscoveryEndpointPort, Endpoint, EndpointSlice } from "../../generated/types.ts";
import { endpointSliceDefinition } from "../endpoint-slice.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const metadata = { name: "hello", namespace: "world" };
const good: EndpointSlice = {
  metadata,
  addressType: "IPv4",
  ports: [{ name: "http", protocol: "TCP", port: 80 }],
  endpoints: [{ addresses: ["10.1.2.3"], hostname: "valid-123" }],
};
const withEndpoint = (endpoint: Partial<Endpoint>, addressType = "IPv4"): EndpointSlice => ({
  ...good,
  addressType,
  endpoints: [{ addresses: ["10.1.2.3"], ...endpoint }],
});
const withAddress = (address: string, addressType = "IPv4"): EndpointSlice => withEndpoint({ addresses: [address] }, addressType);
const withPorts = (...ports: DiscoveryEndpointPort[]): EndpointSlice => ({ ...good, ports });
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const labelValue =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

export const endpointSliceCases: RuleCases = casesOf(endpointSliceDefinition, {
  accepted: [
    {
      source: "TestValidateEndpointSlice in pkg/apis/discovery/validation/validation_test.go",
      cases: [
        ["that upstream calls good", good],
        ["of IPv6", withAddress("a00:100::4", "IPv6")],
        ["of names", withAddress("foo.example.com.", "FQDN")],
        ["without endpoints and ports", { metadata, addressType: "IPv4" }],
        [
          "with the same port in two protocols, under two names",
          withPorts({ port: 53 }, { name: "udp", port: 53, protocol: "UDP" }),
        ],
        ["with a protocol of the application", withPorts({ port: 80, appProtocol: "example.com/grpc" })],
        ["with hints", withEndpoint({ hints: { forZones: [{ name: "a" }], forNodes: [{ name: "n1" }] } })],
      ],
    },
  ],
  refused: [
    {
      source: "ValidateEndpointSlice in pkg/apis/discovery/validation/validation.go",
      cases: [
        [{ ...good, addressType: "" }, "addressType: Required value"],
        [{ ...good, addressType: "other" }, 'addressType: Unsupported value: "other": supported values: "FQDN", "IPv4", "IPv6"'],
        [withAddress("not-an-ip"), 'endpoints[0].addresses[0]: Invalid value: "not-an-ip": must be a valid IPv4 address'],
        [withAddress("10.1.2.3", "IPv6"), 'endpoints[0].addresses[0]: Invalid value: "10.1.2.3": must be a valid IPv6 address'],
        [
          withAddress("127.0.0.1"),
          'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        ],
        [withAddress("", "FQDN"), "endpoints[0].addresses[0]: Required value"],
        [
          withAddress("example", "FQDN"),
          'endpoints[0].addresses[0]: Invalid value: "example": should be a domain with at least two segments separated by dots',
        ],
        [withAddress("-foo.com", "FQDN"), `endpoints[0].addresses[0]: Invalid value: "-foo.com": ${subdomain}`],
        [withEndpoint({ addresses: [] }), "endpoints[0].addresses: Required value: must contain at least 1 address"],
        [
          withEndpoint({ addresses: times(101, (index) => `10.1.2.${index}`) }),
          "endpoints[0].addresses: Too many: 101: must have at most 100 items",
        ],
        [withEndpoint({ hostname: "--INVALID" }), `endpoints[0].hostname: Invalid value: "--INVALID": ${label}`],
        [withEndpoint({ nodeName: "INVALID" }), `endpoints[0].nodeName: Invalid value: "INVALID": ${subdomain}`],
        [
          withEndpoint({ hints: { forZones: [{ name: "a" }, { name: "a" }] } }),
          'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
        ],
        [
          withEndpoint({ hints: { forZones: times(9, (index) => ({ name: `z${index}` })) } }),
          "endpoints[0].hints.forZones: Too many: 9: must have at most 8 items",
        ],
        [
          withEndpoint({ hints: { forNodes: [{ name: "N" }] } }),
          `endpoints[0].hints.forNodes[0].name: Invalid value: "N": ${subdomain}`,
        ],
        [
          { ...good, endpoints: times(1001, () => ({ addresses: ["10.1.2.3"] })) },
          "endpoints: Too many: 1001: must have at most 1000 items",
        ],
        [withPorts({ name: "http" }, { name: "http" }), 'ports[1].name: Duplicate value: "http"'],
        [withPorts({ name: "-" }), `ports[0].name: Invalid value: "-": ${label}`],
        [withPorts({ port: 0 }), "ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
        [withPorts({ protocol: "" }), "ports[0].protocol: Required value"],
        [withPorts({ protocol: "foo" }), 'ports[0].protocol: Unsupported value: "foo": supported values: "SCTP", "TCP", "UDP"'],
        [
          { ...good, ports: times(20_001, (port) => ({ name: `p${port}` })) },
          "ports: Too many: 20001: must have at most 20000 items",
        ],
        [
          withEndpoint({ hints: { forZones: [{ name: "a b" }] } }),
          `endpoints[0].hints.forZones[0].name: Invalid value: "a b": ${labelValue}`,
        ],
        [withAddress("0.0.0.0"), 'endpoints[0].addresses[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)'],
        [
          withAddress("169.254.1.1"),
          'endpoints[0].addresses[0]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
        ],
        [
          withAddress("224.0.0.1"),
          'endpoints[0].addresses[0]: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
        ],
        [{ ...good, metadata: { name: "A" } }, `metadata.name: Invalid value: "A": ${subdomain}`],
      ],
    },
  ],
  defaulted: [
    {
      source: "SetDefaults_EndpointPort in pkg/apis/discovery/v1/defaults.go",
      cases: [
        [
          "with ports",
          withPorts({ port: 80 }, { name: "a", protocol: "UDP" }),
          {
            ports: [
              { port: 80, name: "", protocol: "TCP" },
              { name: "a", protocol: "UDP" },
            ],
          },
        ],
      ],
    },
    {
      source: "dropTopologyOnV1 in pkg/registry/discovery/endpointslice/strategy.go",
      cases: [
        [
          "with the topology that only v1beta1 had",
          withEndpoint({ deprecatedTopology: { a: "b" } }),
          { endpoints: [{ addresses: ["10.1.2.3"] }] },
        ],
      ],
    },
  ],
  updated: [
    {
      source: "ValidateEndpointSliceUpdate",
      cases: [
        {
          what: "may not change its kind of address",
          old: good,
          next: { ...withAddress("fd00::1", "IPv6"), endpoints: [] },
          refused: 'addressType: Invalid value: "IPv6": field is immutable',
        },
        { what: "may lose everything else", old: good, next: { metadata, addressType: "IPv4" } },
      ],
    },
    {
      source: "PrepareForUpdate in pkg/registry/discovery/endpointslice/strategy.go",
      cases: [
        {
          what: "counts a change of its labels as a generation",
          old: { ...good, metadata: { ...metadata, generation: 3 } },
          next: { ...good, metadata: { ...metadata, generation: 3, labels: { a: "b" } } },
          stored: { metadata: { generation: 4 } },
        },
        {
          what: "without a change stays of its generation",
          old: { ...good, metadata: { ...metadata, generation: 3 } },
          next: { ...good, metadata: { ...metadata, generation: 3 } },
          stored: { metadata: { generation: 3 } },
        },
      ],
    },
  ],
});
