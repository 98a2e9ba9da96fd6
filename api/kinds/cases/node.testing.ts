import type { Node } from "../../generated/types.ts";
import { nodeDefinition } from "../node.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const metadata = { name: "a" };
const key =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const node = (spec: Node["spec"], status: Node["status"] = {}): Node => ({ metadata, spec: spec ?? {}, status });
const labelValue =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const nodeCases: RuleCases = casesOf(nodeDefinition, {
  accepted: [
    {
      source: "TestValidateNode",
      cases: [["a Node", node({ podCIDRs: ["10.0.0.0/24", "fd00::/64"], taints: [{ key: "a", effect: "NoSchedule" }] })]],
    },
  ],
  refused: [
    {
      source: "ValidateNode in pkg/apis/core/validation/validation.go",
      cases: [
        [
          node({ taints: [{ key: "a b", effect: "NoSchedule" }] }),
          `metadata.taints[0].key: Invalid value: "a b": name part ${key}`,
        ],
        [node({ taints: [{ key: "a", effect: "" }] }), "metadata.taints[0].effect: Required value"],
        [
          node({ taints: [{ key: "a", effect: "Never" }] }),
          'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
        ],
        [
          node({ taints: [1, 2].map(() => ({ key: "a", effect: "NoExecute" })) }),
          'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoExecute"}: taints must be unique by key and effect pair',
        ],
        [
          node({ podCIDRs: ["10.0.0.0"] }),
          'spec.podCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
        ],
        [
          node({ podCIDRs: ["10.0.0.0/24", "10.0.1.0/24"] }),
          'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family',
        ],
        [
          node({ taints: [{ key: "a", value: "b c", effect: "NoSchedule" }] }),
          `metadata.taints[0].value: Invalid value: "b c": ${labelValue}`,
        ],
        [
          node({ podCIDRs: ["10.0.0.0/24", "10.0.0.0/24"] }),
          [
            'spec.podCIDRs[1]: Duplicate value: "10.0.0.0/24"',
            'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.0.0/24"]: may specify no more than one CIDR for each IP family',
          ],
        ],
        [{ metadata: { name: "A" } }, `metadata.name: Invalid value: "A": ${subdomain}`],
      ],
    },
    {
      source: "ValidateNodeResources",
      cases: [
        [
          node({}, { capacity: { cpu: "-1" }, allocatable: {} }),
          'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
        ],
        [
          node({}, { capacity: { pods: "500m" }, allocatable: {} }),
          'status.capacity.pods: Invalid value: "500m": must be an integer',
        ],
        [
          node({}, { allocatable: { "example.com/gpu": "1500m" } }),
          'status.allocatable.example.com/gpu: Invalid value: "1500m": must be an integer',
        ],
      ],
    },
  ],
  defaulted: [
    {
      source: "SetDefaults_NodeStatus in pkg/apis/core/v1/defaults.go",
      cases: [
        ["whose capacity is all to be had", node({}, { capacity: { cpu: "2" } }), { status: { allocatable: { cpu: "2" } } }],
        [
          "that keeps some for itself",
          node({}, { capacity: { cpu: "2" }, allocatable: { cpu: "1" } }),
          { status: { allocatable: { cpu: "1" } } },
        ],
      ],
    },
    {
      source: "Convert_v1_NodeSpec_To_core_NodeSpec and back in pkg/apis/core/v1/conversion.go",
      cases: [
        ["with one range", node({ podCIDR: "10.0.0.0/24" }), { spec: { podCIDRs: ["10.0.0.0/24"] } }],
        ["with a list of ranges", node({ podCIDRs: ["10.0.0.0/24", "fd00::/64"] }), { spec: { podCIDR: "10.0.0.0/24" } }],
        [
          "with a range and another list",
          node({ podCIDR: "10.0.0.0/24", podCIDRs: ["10.0.1.0/24", "fd00::/64"] }),
          { spec: { podCIDRs: ["10.0.0.0/24"] } },
        ],
      ],
    },
  ],
  updated: [
    {
      source: "ValidateNodeUpdate",
      cases: [
        {
          what: "of a Node's range",
          old: node({ podCIDRs: ["10.0.0.0/24"] }),
          next: node({ podCIDRs: ["10.0.1.0/24"] }),
          refused: ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
        },
        {
          what: "of a Node's provider",
          old: node({ providerID: "a" }),
          next: node({ providerID: "b" }),
          refused: ['spec.providerID: Forbidden: node updates may not change providerID except from "" to valid'],
        },
        {
          what: "of a Node's status with less than nothing",
          old: node({}),
          next: node({}, { capacity: { cpu: "-1" }, allocatable: {} }),
          refused: ['status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0'],
          subresource: "status",
        },
        {
          what: "of a Node's status with an address twice",
          old: node({}),
          next: node({}, { addresses: [1, 2].map(() => ({ type: "InternalIP", address: "1.1.1.1" })) }),
          refused: ['status.addresses[1]: Duplicate value: {"type":"InternalIP","address":"1.1.1.1"}'],
          subresource: "status",
        },
      ],
    },
    {
      source: "ValidateNodeUpdate, once more",
      cases: [
        {
          what: "may get its range and its provider",
          old: node({}),
          next: node({ podCIDRs: ["10.0.0.0/24"], providerID: "a", unschedulable: true }),
        },
        {
          what: "may not change its old name",
          old: node({}),
          next: node({ externalID: "a" }),
          refused: "spec.externalID: Forbidden: may not be updated",
        },
        {
          what: "must keep its taints good",
          old: node({}),
          next: node({ taints: [{ key: "a", effect: "" }] }),
          refused: "metadata.taints[0].effect: Required value",
        },
      ],
    },
  ],
});
