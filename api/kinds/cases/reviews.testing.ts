import {
  localSubjectAccessReviewDefinition,
  selfSubjectAccessReviewDefinition,
  subjectAccessReviewDefinition,
} from "../access-reviews.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const resourceAttributes = { verb: "get", resource: "pods", namespace: "team" };
const nonResourceAttributes = { verb: "get", path: "/healthz" };
const metadata = {};
const none = { defaulted: [], updated: [] };
const validation = "pkg/apis/authorization/validation/validation.go";
const selectorAt = "spec.resourceAttributes";

/** What holds for each question about what somebody may. */
const questions = (subject: object, of: object, emptiness = "must be empty"): Pick<RuleCases, "refused"> => ({
  refused: [
    {
      source: `the specs of ${validation}`,
      cases: [
        [
          { metadata: of, spec: { ...subject } },
          'spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified',
        ],
        [
          { metadata: { ...of, name: "a" }, spec: { ...subject, resourceAttributes } },
          `metadata: Invalid value: {"name":"a"}: ${emptiness}`,
        ],
      ],
    },
    {
      source: "validateFieldSelectorAttributes and validateLabelSelectorAttributes",
      cases: (["fieldSelector", "labelSelector"] as const).flatMap((field) => [
        [
          { metadata: of, spec: { ...subject, resourceAttributes: { ...resourceAttributes, [field]: {} } } },
          `${selectorAt}.${field}.requirements: Required value: when ${selectorAt}.${field} is specified, requirements or rawSelector is required`,
        ] as const,
        [
          {
            metadata: of,
            spec: {
              ...subject,
              resourceAttributes: {
                ...resourceAttributes,
                [field]: { rawSelector: "a=b", requirements: [{ key: "a", operator: "Exists" }] },
              },
            },
          },
          `${selectorAt}.${field}.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements`,
        ] as const,
      ]),
    },
  ],
});

export const reviewCases: readonly RuleCases[] = [
  casesOf(selfSubjectAccessReviewDefinition, {
    ...none,
    accepted: [
      {
        source: `ValidateSelfSubjectAccessReview in ${validation}`,
        cases: [
          ["about a resource", { metadata, spec: { resourceAttributes } }],
          ["about a path", { metadata, spec: { nonResourceAttributes } }],
          [
            "about what is selected",
            { metadata, spec: { resourceAttributes: { ...resourceAttributes, labelSelector: { rawSelector: "a=b" } } } },
          ],
        ],
      },
    ],
    refused: [
      ...questions({}, metadata).refused,
      {
        source: "ValidateSelfSubjectAccessReviewSpec",
        cases: [
          [
            { metadata, spec: { resourceAttributes, nonResourceAttributes } },
            'spec.nonResourceAttributes: Invalid value: {"verb":"get","path":"/healthz"}: cannot be specified in combination with resourceAttributes',
          ],
        ],
      },
    ],
  }),
  casesOf(subjectAccessReviewDefinition, {
    ...none,
    accepted: [
      {
        source: `ValidateSubjectAccessReview in ${validation}`,
        cases: [["about a group", { metadata, spec: { groups: ["g"], resourceAttributes } }]],
      },
    ],
    refused: [
      ...questions({ user: "u" }, metadata).refused,
      {
        source: "ValidateSubjectAccessReviewSpec",
        cases: [
          [
            { metadata, spec: { resourceAttributes } },
            'spec.user: Invalid value: "": at least one of user or group must be specified',
          ],
        ],
      },
    ],
  }),
  casesOf(localSubjectAccessReviewDefinition, {
    ...none,
    accepted: [
      {
        source: `ValidateLocalSubjectAccessReview in ${validation}`,
        cases: [
          ["about a resource of its namespace", { metadata: { namespace: "team" }, spec: { user: "u", resourceAttributes } }],
        ],
      },
    ],
    refused: [
      ...questions({ user: "u" }, { namespace: "team" }, "must be empty except for namespace").refused,
      {
        source: "ValidateLocalSubjectAccessReview",
        cases: [
          [
            { metadata: { namespace: "other" }, spec: { user: "u", resourceAttributes } },
            'spec.resourceAttributes.namespace: Invalid value: "team": must match metadata.namespace',
          ],
          [
            { metadata: { namespace: "team" }, spec: { user: "u", nonResourceAttributes } },
            'spec.nonResourceAttributes: Invalid value: {"verb":"get","path":"/healthz"}: disallowed on this kind of request',
          ],
        ],
      },
    ],
  }),
];
