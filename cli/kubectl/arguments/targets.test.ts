import { describe, expect, it } from "vitest";
import type { ServedResource } from "#client/discovery-client";
import { ResourceMapper } from "./resource-mapper.ts";
import { parseTargets } from "./targets.ts";

const served = (
  group: string,
  resource: string,
  kind: string,
  shortNames: string[] = [],
  categories: string[] = [],
): ServedResource => ({
  group,
  version: "v1",
  resource,
  kind,
  namespaced: true,
  singular: kind.toLowerCase(),
  shortNames,
  categories,
  verbs: ["get", "list"],
  subresources: [],
});
const mapper = new ResourceMapper([
  served("", "pods", "Pod", ["po"], ["all"]),
  served("", "events", "Event", ["ev"]),
  served("apps", "deployments", "Deployment", ["deploy"], ["all"]),
  served("events.k8s.io", "events", "Event", ["ev"]),
]);
const parse = (...words: string[]): string[] =>
  parseTargets(words, mapper).map(({ resource: { resource, group }, name }) =>
    [resource, ...(group === "" ? [] : [group]), ...(name === undefined ? [] : [name])].join(" "),
  );

describe("what arguments name", () => {
  it.each([
    [["po"], ["pods"]],
    [["Pod"], ["pods"]],
    [["pods,deploy"], ["pods", "deployments apps"]],
    [["all"], ["pods", "deployments apps"]],
    [
      ["pod", "a", "b"],
      ["pods a", "pods b"],
    ],
    [
      ["po,deploy", "a"],
      ["pods a", "deployments apps a"],
    ],
    [
      ["pod/a", "deployment.apps/b"],
      ["pods a", "deployments apps b"],
    ],
    [["deployments.v1.apps"], ["deployments apps"]],
    [["events"], ["events"]],
    [["events.events.k8s.io"], ["events events.k8s.io"]],
    [["events.events"], ["events events.k8s.io"]],
  ])("%j", (words, targets) => {
    expect(parse(...words)).toEqual(targets);
  });

  it.each([
    [["foo"], `the server doesn't have a resource type "foo"`],
    [["pods", "pod/a"], "there is no need to specify a resource type as a separate argument"],
    [["pod/a/b"], "arguments in resource/name form may not have more than one slash"],
    [["pod/"], "arguments in resource/name form must have a single resource and name"],
  ])("%j is refused: %s", (words, message) => {
    expect(() => parse(...words)).toThrow(message);
  });
});
