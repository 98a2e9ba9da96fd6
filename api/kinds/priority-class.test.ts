import { describe, expect, test } from "vitest";
import type { PriorityClass } from "../generated/types.ts";
import { priorityClassDefinition as definition, systemPriorityClasses } from "./priority-class.ts";
import { refusals, updateRefusals } from "./rules.testing.ts";

const named = (name: string, part: Partial<PriorityClass> = {}): PriorityClass => ({ metadata: { name }, value: 10, ...part });
const reserved = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ";

describe("a PriorityClass", () => {
  // Source: pkg/apis/scheduling/validation/validation_test.go, TestValidatePriorityClass.
  test("is accepted with and without being the default", () => {
    expect(refusals(definition, named("tier1", { globalDefault: false, description: "used for the highest" }))).toEqual([]);
    expect(refusals(definition, named("tier1", { value: 1_000_000_000, globalDefault: true }))).toEqual([]);
    expect(refusals(definition, named("tier1", { value: -5, preemptionPolicy: "Never" }))).toEqual([]);
    expect(systemPriorityClasses.flatMap((known) => refusals(definition, known))).toEqual([]);
  });

  // Source: SetDefaults_PriorityClass in pkg/apis/scheduling/v1/defaults.go.
  test("lets its pods push out others unless it says otherwise, and is worth 0", () => {
    expect(definition.withDefaults?.({ metadata: {} })).toEqual({
      metadata: {},
      value: 0,
      preemptionPolicy: "PreemptLowerPriority",
    });
    expect(definition.withDefaults?.(named("a", { preemptionPolicy: "Never" })).preemptionPolicy).toBe("Never");
  });

  // Source: ValidatePriorityClass and IsKnownSystemPriorityClass in pkg/apis/scheduling.
  test.each([
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
  ])("is refused: %#", (object, expected) => {
    expect(refusals(definition, object)).toEqual([expected]);
  });

  // Source: ValidatePriorityClassUpdate in pkg/apis/scheduling/validation/validation.go.
  test("keeps its value and its policy, and may change what it says of itself", () => {
    const old = named("tier1");
    expect(updateRefusals(definition, named("tier1", { value: 11 }), old)).toEqual([
      "value: Invalid value: 11: field is immutable",
    ]);
    expect(updateRefusals(definition, named("tier1", { preemptionPolicy: "Never" }), old)).toEqual([
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]);
    expect(updateRefusals(definition, named("tier1", { globalDefault: true, description: "new" }), old)).toEqual([]);
  });

  // Source: addTableColumns and printPriorityClass in pkg/printers/internalversion/printers.go.
  test("shows what it is worth, whether it is the default, and how its pods treat others", () => {
    const now = Date.parse("2026-01-01T00:00:10Z");
    const object = named("tier1", { preemptionPolicy: "Never" });
    const metadata = { ...object.metadata, creationTimestamp: "2026-01-01T00:00:00Z" };
    expect(definition.tableColumns.map(({ name }) => name)).toEqual(["Value", "Global-Default", "Age", "PreemptionPolicy"]);
    expect(definition.tableRow({ ...object, metadata }, now)).toEqual([10, false, "10s", "Never"]);
  });
});
