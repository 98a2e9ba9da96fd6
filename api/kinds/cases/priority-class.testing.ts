import type { PriorityClass } from "../../generated/types.ts";
import { priorityClassDefinition, systemPriorityClasses } from "../priority-class.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const named = (name: string, part: Partial<PriorityClass> = {}): PriorityClass => ({ metadata: { name }, value: 10, ...part });
const reserved = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ";

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const priorityClassCases: RuleCases = casesOf(priorityClassDefinition, {
  accepted: [
    {
      source: "TestValidatePriorityClass in pkg/apis/scheduling/validation/validation_test.go",
      cases: [
        ["that is not the default", named("tier1", { globalDefault: false, description: "used for the highest" })],
        ["that is the default", named("tier1", { value: 1_000_000_000, globalDefault: true })],
        ["of those who wait", named("tier1", { value: -5, preemptionPolicy: "Never" })],
        ...systemPriorityClasses.map((known) => ["of the system", known] as const),
      ],
    },
  ],
  refused: [
    {
      source: "ValidatePriorityClass and IsKnownSystemPriorityClass in pkg/apis/scheduling",
      cases: [
        [
          named("tier1", { value: 1_000_000_001 }),
          "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
        ],
        [named("system-mine"), `${reserved}system-mine is not a known system priority class`],
        [named("system-node-critical"), `${reserved}value of system-node-critical PriorityClass must be 2000001000`],
        [
          named("system-node-critical", { value: 2_000_001_000, globalDefault: true }),
          `${reserved}globalDefault of system-node-critical PriorityClass must be false`,
        ],
        [named("tier1", { preemptionPolicy: "" }), "preemptionPolicy: Required value"],
        [
          named("tier1", { preemptionPolicy: "Always" }),
          'preemptionPolicy: Unsupported value: "Always": supported values: "PreemptLowerPriority", "Never"',
        ],
        [named("A"), `metadata.name: Invalid value: "A": ${subdomain}`],
      ],
    },
  ],
  defaulted: [
    {
      source: "SetDefaults_PriorityClass in pkg/apis/scheduling/v1/defaults.go",
      cases: [
        ["with nothing", { metadata: { name: "a" } }, { value: 0, preemptionPolicy: "PreemptLowerPriority" }],
        ["of those who wait", named("a", { preemptionPolicy: "Never" }), { preemptionPolicy: "Never" }],
      ],
    },
  ],
  updated: [
    {
      source: "ValidatePriorityClassUpdate in pkg/apis/scheduling/validation/validation.go",
      cases: [
        {
          what: "may not change its value",
          old: named("tier1"),
          next: named("tier1", { value: 11 }),
          refused: "value: Invalid value: 11: field is immutable",
        },
        {
          what: "may not change its policy",
          old: named("tier1"),
          next: named("tier1", { preemptionPolicy: "Never" }),
          refused: 'preemptionPolicy: Invalid value: "Never": field is immutable',
        },
        {
          what: "may say something else of itself",
          old: named("tier1"),
          next: named("tier1", { globalDefault: true, description: "new" }),
        },
      ],
    },
  ],
});
