import type {} from "../../generated/types.ts";
import { namespaceDefinition } from "../namespace.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const metadata = { name: "a" };

export const namespaceCases: RuleCases = casesOf(namespaceDefinition, {
  accepted: [
    { source: "TestValidateNamespace", cases: [["a Namespace", { metadata, spec: { finalizers: ["example.com/mine"] } }]] },
  ],
  refused: [
    {
      source: "ValidateNamespace in pkg/apis/core/validation/validation.go",
      cases: [
        [
          { metadata, spec: { finalizers: ["mine"] } },
          'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
        ],
        [{ metadata, spec: { finalizers: ["a b/c"] } }, `spec.finalizers: Invalid value: "a b/c": prefix part ${subdomain}`],
        [{ metadata: { name: "a.b" } }, 'metadata.name: Invalid value: "a.b": must not contain dots'],
      ],
    },
  ],
  defaulted: [
    {
      source:
        "SetDefaults_Namespace in pkg/apis/core/v1/defaults.go and PrepareForCreate in pkg/registry/core/namespace/strategy.go",
      cases: [
        [
          "with a name",
          { metadata },
          {
            metadata: { labels: { "kubernetes.io/metadata.name": "a" } },
            spec: { finalizers: ["kubernetes"] },
            status: { phase: "Active" },
          },
        ],
        [
          "with another name in its label",
          { metadata: { name: "a", labels: { "kubernetes.io/metadata.name": "b" } } },
          { metadata: { labels: { "kubernetes.io/metadata.name": "a" } } },
        ],
        [
          "with what holds it",
          { metadata, spec: { finalizers: ["example.com/mine"] }, status: { phase: "Terminating" } },
          { spec: { finalizers: ["example.com/mine", "kubernetes"] }, status: { phase: "Active" } },
        ],
      ],
    },
  ],
  updated: [
    {
      source: "ValidateNamespaceStatusUpdate and ValidateNamespaceFinalizeUpdate",
      cases: [
        {
          what: "of a living Namespace's phase",
          old: { metadata },
          next: { metadata, status: { phase: "Terminating" } },
          refused: ["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"],
          subresource: "status",
        },
        {
          what: "of what holds a Namespace",
          old: { metadata },
          next: { metadata, spec: { finalizers: ["mine"] } },
          refused: [
            'spec.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
          ],
          subresource: "finalize",
        },
      ],
    },
    {
      source: "PrepareForUpdate in pkg/registry/core/namespace/strategy.go",
      cases: [
        {
          what: "takes nothing off that holds it",
          old: { metadata, spec: { finalizers: ["kubernetes"] } },
          next: { metadata, spec: {} },
          stored: { spec: { finalizers: ["kubernetes"] } },
        },
        {
          what: "through /finalize takes it off",
          old: { metadata, spec: { finalizers: ["kubernetes"] } },
          next: { metadata, spec: { finalizers: [] } },
          stored: { spec: { finalizers: [] } },
          subresource: "finalize",
        },
        {
          what: "of the status of one that goes may not be alive",
          old: { metadata: { name: "a", deletionTimestamp: "t" } },
          next: { metadata: { name: "a", deletionTimestamp: "t" }, status: { phase: "Active" } },
          refused: "status.Phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty",
          subresource: "status",
        },
      ],
    },
  ],
});
