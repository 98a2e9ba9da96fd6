import { describe, expect, test } from "vitest";
import type { PriorityClass } from "../generated/types.ts";
import { priorityClassDefinition as definition } from "./priority-class.ts";

const named = (name: string, part: Partial<PriorityClass> = {}): PriorityClass => ({ metadata: { name }, value: 10, ...part });

describe("a PriorityClass", () => {
  // Source: addTableColumns and printPriorityClass in pkg/printers/internalversion/printers.go.
  test("shows what it is worth, whether it is the default, and how its pods treat others", () => {
    const now = Date.parse("2026-01-01T00:00:10Z");
    const object = named("tier1", { preemptionPolicy: "Never" });
    const metadata = { ...object.metadata, creationTimestamp: "2026-01-01T00:00:00Z" };
    expect(definition.tableColumns.map(({ name }) => name)).toEqual(["Value", "Global-Default", "Age", "PreemptionPolicy"]);
    expect(definition.tableRow({ ...object, metadata }, now)).toEqual([10, false, "10s", "Never"]);
  });
});
