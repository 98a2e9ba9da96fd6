import { builtInDefinitions } from "#api/kinds/built-in";
import { expect, test } from "vitest";
import { knownTypes } from "./main.ts";

test("every kind that is served is known: what it owns is collected, and what is in a namespace goes with it", () => {
  const nameOf = ({ group, version, resource }: { group: string; version: string; resource: string }) =>
    `${resource}.${version}.${group}`;
  // What can only be read is neither collected nor in anybody's way.
  const served = builtInDefinitions.filter(({ readOnly }) => readOnly !== true).map(({ type }) => nameOf(type));
  expect(knownTypes.map(nameOf).toSorted()).toEqual(served.toSorted());
});
