import { leaseDefinition } from "../lease.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const metadata = { name: "a" };
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const leaseCases: RuleCases = casesOf(leaseDefinition, {
  accepted: [
    {
      source: "TestValidateLease",
      cases: [
        ["a Lease", { metadata, spec: { leaseDurationSeconds: 15, leaseTransitions: 0 } }],
        ["with a strategy of somebody's own", { metadata, spec: { strategy: "example.com/mine", preferredHolder: "b" } }],
      ],
    },
  ],
  refused: [
    {
      source: "ValidateLeaseSpec in pkg/apis/coordination/validation/validation.go",
      cases: [
        [{ metadata, spec: { leaseDurationSeconds: 0 } }, "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
        [
          { metadata, spec: { leaseTransitions: -1 } },
          "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
        ],
        [
          { metadata, spec: { preferredHolder: "b" } },
          "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined",
        ],
        [
          { metadata, spec: { strategy: "Mine" } },
          'spec.strategy.strategy: Unsupported value: "Mine": supported values: "OldestEmulationVersion"',
        ],
        [{ metadata, spec: { strategy: "a b/c" } }, `spec.strategy.strategy: Invalid value: "a b/c": prefix part ${subdomain}`],
        [{ metadata: { name: "A" } }, `metadata.name: Invalid value: "A": ${subdomain}`],
      ],
    },
  ],
  defaulted: [
    {
      source: "pkg/apis/coordination/v1 has no defaults",
      cases: [["with nothing", { metadata, spec: {} }, { metadata, spec: {} }]],
    },
  ],
  updated: [
    {
      source: "ValidateLeaseUpdate",
      cases: [
        {
          what: "may go to another holder",
          old: { metadata, spec: { holderIdentity: "a" } },
          next: { metadata, spec: { holderIdentity: "b", leaseTransitions: 1 } },
        },
        {
          what: "must stay good",
          old: { metadata, spec: {} },
          next: { metadata, spec: { leaseDurationSeconds: -1 } },
          refused: "spec.leaseDurationSeconds: Invalid value: -1: must be greater than 0",
        },
      ],
    },
  ],
});
