import { describe, expect, test } from "vitest";
import type { ResourceDefinition, ReviewDefinition } from "../definition.ts";
import type { KubeObject } from "../object.ts";
import { builtInDefinitions } from "./built-in.ts";
import { ruleCases } from "./cases/all.testing.ts";
import { created, refusals, textOf, updated, updateRefusals, type RuleCases } from "./rules.testing.ts";

const list = (refused: string | readonly string[] = []): readonly string[] => [refused].flat();

/** Every example with its number and source, so that a failure says where the rule is. */
function each<Case>(groups: readonly { source: string; cases: readonly Case[] }[]): [string, Case][] {
  return groups.flatMap(({ source, cases }) => cases.map((one, index): [string, Case] => [`${source}, ${index + 1}`, one]));
}

describe.each(ruleCases.filter(isKept).map((cases) => [cases.definition.type.kind, cases] as const))(
  "%s",
  (_kind, { definition, accepted, refused, defaulted, updated: updates }) => {
    test.each(each(accepted))("is accepted (%s)", (_source, [, object]) => {
      expect(refusals(definition, object as KubeObject)).toEqual([]);
    });

    test.each(each(refused))("is refused (%s)", (_source, [object, causes]) => {
      expect(refusals(definition, object as KubeObject)).toEqual(list(causes));
    });

    test.each(each(defaulted))("is completed (%s)", (_source, [, object, stored]) => {
      const whole = created(definition, object as KubeObject);
      expect(whole).toMatchObject(stored);
      expect(definition.withDefaults?.(whole) ?? whole).toEqual(whole);
    });

    test.each(each(updates))("is updated (%s)", (_source, { old, next, refused: causes, stored = {}, subresource }) => {
      const [before, after] = [old as KubeObject, next as KubeObject];
      expect(updateRefusals(definition, after, before, subresource)).toEqual(list(causes));
      expect(updated(definition, after, before, subresource)).toMatchObject(stored);
    });

    test.each(each(updates))("may stay as it was (%s)", (_source, { old }) => {
      expect(updateRefusals(definition, old as KubeObject, old as KubeObject)).toEqual([]);
    });
  },
);

describe.each(ruleCases.filter(isReview).map((cases) => [cases.definition.type.kind, cases] as const))(
  "%s",
  (_kind, { definition, accepted, refused }) => {
    const causes = (question: object): string[] => (definition.validate?.(question as KubeObject) ?? []).map(textOf);

    test.each(each(accepted))("is accepted (%s)", (_source, [, question]) => {
      expect(causes(question)).toEqual([]);
    });

    test.each(each(refused))("is refused (%s)", (_source, [question, expected]) => {
      expect(causes(question)).toEqual(list(expected));
    });
  },
);

describe("the examples", () => {
  const count = (groups: readonly { cases: readonly unknown[] }[]): number =>
    groups.reduce((sum, { cases }) => sum + cases.length, 0);
  const of = (kind: string): RuleCases | undefined => ruleCases.find(({ definition }) => definition.type.kind === kind);

  // What cannot be made has no rules.
  const kinds = builtInDefinitions.filter(({ readOnly }) => readOnly !== true).map(({ type }) => type.kind);

  test.each(kinds)("have accepted, refused, completed and updated ones of %s", (kind) => {
    const { accepted = [], refused = [], defaulted = [], updated: updates = [] } = of(kind) ?? {};
    for (const groups of [accepted, refused, defaulted, updates]) expect(count(groups)).toBeGreaterThan(0);
  });

  test("are of one table a kind, and each names its source", () => {
    expect(new Set(ruleCases.map(({ definition }) => definition)).size).toBe(ruleCases.length);
    for (const { accepted, refused, defaulted, updated: updates } of ruleCases) {
      for (const { source, cases } of [...accepted, ...refused, ...defaulted, ...updates]) {
        expect(source).toMatch(/\w/);
        expect(cases.length).toBeGreaterThan(0);
      }
    }
  });
});

function isReview(cases: RuleCases): cases is RuleCases & { definition: ReviewDefinition } {
  return "isReview" in cases.definition;
}

function isKept(cases: RuleCases): cases is RuleCases & { definition: ResourceDefinition } {
  return !isReview(cases);
}
