import { serviceAccountDefinition } from "../service-account.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const metadata = { name: "a" };
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const serviceAccountCases: RuleCases = casesOf(serviceAccountDefinition, {
  accepted: [{ source: "ValidateServiceAccount", cases: [["a ServiceAccount", { metadata }]] }],
  refused: [
    {
      source: "ValidateServiceAccount in pkg/apis/core/validation/validation.go, with ValidateServiceAccountName",
      cases: [[{ metadata: { name: "A" } }, `metadata.name: Invalid value: "A": ${subdomain}`]],
    },
  ],
  defaulted: [
    {
      source: "cleanSecretReferences in pkg/registry/core/serviceaccount/strategy.go",
      cases: [
        [
          "with secrets of elsewhere",
          { metadata, secrets: [{ name: "s", namespace: "other", uid: "1" }] },
          { secrets: [{ name: "s" }] },
        ],
      ],
    },
  ],
  updated: [
    {
      source: "ValidateServiceAccountUpdate and cleanSecretReferences",
      cases: [
        {
          what: "may change its secrets, by name",
          old: { metadata },
          next: { metadata, secrets: [{ name: "s", kind: "Secret" }] },
          stored: { secrets: [{ name: "s" }] },
        },
        {
          what: "may not become another",
          old: { metadata: { name: "a", uid: "1" } },
          next: { metadata: { name: "a", uid: "2" } },
          refused: 'metadata.uid: Invalid value: "2": field is immutable',
        },
      ],
    },
  ],
});
