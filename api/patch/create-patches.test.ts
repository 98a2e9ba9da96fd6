import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readYaml } from "../yaml/read-yaml.ts";
import { createMergePatch, createThreeWayMergePatch } from "./create-merge-patch.ts";
import { createStrategicMergePatch, createThreeWayStrategicMergePatch } from "./create-strategic-merge-patch.ts";
import { applyMergePatch, type JsonObject } from "./merge-patch.ts";
import { patchSchemaOf } from "./patch-schema.ts";
import { applyStrategicMergePatch } from "./strategic-merge-patch.ts";

const deployment = patchSchemaOf("apps", "v1", "Deployment") ?? {};
const yaml = (text: string): JsonObject => readYaml(text) as JsonObject;

interface Case {
  readonly title: string;
  readonly original: string;
  readonly modified: string;
  readonly current: string;
  readonly patch: string;
}

/**
 * Written by hand after kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config ("How apply calculates differences and merges changes")
 * and kubernetes/community contributors/devel/sig-api-machinery/strategic-merge-patch.md.
 */
const cases: readonly Case[] = [
  {
    title: "changes what the file changes, deletes what it leaves out, keeps what somebody else set",
    original: "spec: {minReadySeconds: 5, template: {spec: {containers: [{name: nginx, image: nginx:1.14.2}]}}}",
    modified: "spec: {template: {spec: {containers: [{name: nginx, image: nginx:1.16.1}]}}}",
    current:
      "spec: {replicas: 2, minReadySeconds: 5, template: {spec: {containers: [{name: nginx, image: nginx:1.14.2, imagePullPolicy: IfNotPresent}]}}}",
    patch: `spec:
  minReadySeconds: null
  template:
    spec:
      $setElementOrder/containers: [{name: nginx}]
      containers: [{name: nginx, image: nginx:1.16.1}]`,
  },
  {
    title: "deletes an item of a list by its key, and keeps one that the server added",
    original: "spec: {template: {spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}}",
    modified: "spec: {template: {spec: {containers: [{name: a, image: x}]}}}",
    current: "spec: {template: {spec: {containers: [{name: a, image: x}, {name: b, image: y}, {name: injected, image: z}]}}}",
    patch: `spec:
  template:
    spec:
      $setElementOrder/containers: [{name: a}]
      containers: [{$patch: delete, name: b}]`,
  },
  {
    title: "deletes a field of an item of a list",
    original:
      "spec: {template: {spec: {containers: [{name: a, image: x, env: [{name: A, value: '1'}, {name: B, value: '2'}]}]}}}",
    modified: "spec: {template: {spec: {containers: [{name: a, image: x, env: [{name: A, value: '3'}]}]}}}",
    current: "spec: {template: {spec: {containers: [{name: a, image: x, env: [{name: A, value: '1'}, {name: B, value: '2'}]}]}}}",
    patch: `spec:
  template:
    spec:
      $setElementOrder/containers: [{name: a}]
      containers:
      - name: a
        $setElementOrder/env: [{name: A}]
        env: [{name: A, value: '3'}, {$patch: delete, name: B}]`,
  },
  {
    title: "replaces a list without a key as a whole",
    original: "spec: {template: {spec: {containers: [{name: a, args: [x]}]}}}",
    modified: "spec: {template: {spec: {containers: [{name: a, args: [x, y]}]}}}",
    current: "spec: {template: {spec: {containers: [{name: a, args: [x]}]}}}",
    patch: `spec:
  template:
    spec:
      $setElementOrder/containers: [{name: a}]
      containers: [{name: a, args: [x, y]}]`,
  },
  {
    title: "lets only the alternative stay that the file names",
    original: "spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 2}}}",
    modified: "spec: {strategy: {type: Recreate}}",
    current: "spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 2, maxUnavailable: 1}}}",
    patch: "spec: {strategy: {$retainKeys: [type], type: Recreate, rollingUpdate: null}}",
  },
  {
    title: "takes values out of a list of plain values",
    original: "metadata: {finalizers: [a, b]}",
    modified: "metadata: {finalizers: [a]}",
    current: "metadata: {finalizers: [a, b, c]}",
    patch: "metadata: {$setElementOrder/finalizers: [a], $deleteFromPrimitiveList/finalizers: [b]}",
  },
  {
    title: "says only the order when only that has changed",
    original: "spec: {template: {spec: {containers: [{name: a}, {name: b}]}}}",
    modified: "spec: {template: {spec: {containers: [{name: b}, {name: a}]}}}",
    current: "spec: {template: {spec: {containers: [{name: a}, {name: b}]}}}",
    patch: "spec: {template: {spec: {$setElementOrder/containers: [{name: b}, {name: a}]}}}",
  },
  {
    title: "is empty when the server has all that the file says",
    original: "metadata: {labels: {a: b}}",
    modified: "metadata: {labels: {a: b}}",
    current: "metadata: {labels: {a: b, c: d}, uid: x}",
    patch: "{}",
  },
  {
    title: "takes nothing away that was never applied",
    original: "{}",
    modified: "spec: {replicas: 1}",
    current: "spec: {replicas: 1, paused: true}",
    patch: "{}",
  },
];

describe("three-way strategic merge patches", () => {
  it.each(cases)("$title", ({ original, modified, current, patch }) => {
    expect(createThreeWayStrategicMergePatch(yaml(original), yaml(modified), yaml(current), deployment)).toEqual(yaml(patch));
  });

  it("refuses an item without its key", () => {
    const spec = yaml("spec: {template: {spec: {containers: [{image: x}]}}}");
    const current = yaml("spec: {template: {spec: {containers: [{name: a}]}}}");
    expect(() => createThreeWayStrategicMergePatch({}, spec, current, deployment)).toThrow(
      "map: map[image:x] does not contain declared merge key: name",
    );
  });
});

const word = fc.constantFrom("a", "b", "c");
const text = fc.constantFrom("1", "2", "3");
const env = fc.uniqueArray(fc.record({ name: word, value: text }), { selector: ({ name }) => name, maxLength: 3 });
const container = fc.record({ name: word, image: text, args: fc.array(text, { maxLength: 2 }), env }, { requiredKeys: ["name"] });
const containers = fc.uniqueArray(container, { selector: ({ name }) => name, minLength: 1, maxLength: 3 });
/** A workload as people write it, of few words, so that three of them meet in many places. */
const workload: fc.Arbitrary<JsonObject> = fc.record(
  {
    metadata: fc.record(
      { labels: fc.dictionary(word, text, { maxKeys: 3 }), finalizers: fc.uniqueArray(word) },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      { replicas: fc.nat(2), template: fc.record({ spec: fc.record({ containers }) }), strategy: fc.record({ type: text }) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

describe("any three objects", () => {
  it("a two-way patch makes the one of the other", () => {
    fc.assert(
      fc.property(workload, workload, (original, modified) => {
        const patch = createStrategicMergePatch(original, modified, deployment);
        expect(sorted(applyStrategicMergePatch(original, patch, deployment))).toEqual(sorted(modified));
        expect(applyMergePatch(original, createMergePatch(original, modified))).toEqual(modified);
      }),
      { numRuns: 500 },
    );
  });

  it("applying what apply sends leaves nothing for a second apply to change, and nothing of what the file gave up", () => {
    fc.assert(
      fc.property(workload, workload, workload, (original, modified, current) => {
        const patch = createThreeWayStrategicMergePatch(original, modified, current, deployment);
        const result = applyStrategicMergePatch(current, patch, deployment);
        // It may say the order once more, where the server has items of its own.
        const again = createThreeWayStrategicMergePatch(modified, modified, result, deployment);
        expect(applyStrategicMergePatch(result, again, deployment)).toEqual(result);
        const labels = (object: JsonObject): string[] =>
          Object.keys((object["metadata"] as { labels?: object } | undefined)?.labels ?? {});
        const before = labels(original).filter((label) => !labels(modified).includes(label));
        if ((modified["metadata"] as JsonObject | undefined)?.["labels"] !== undefined) {
          expect(labels(result).filter((label) => before.includes(label))).toEqual([]);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("holds for kinds without strategic merging too", () => {
    fc.assert(
      fc.property(workload, workload, workload, (original, modified, current) => {
        const result = applyMergePatch(current, createThreeWayMergePatch(original, modified, current)) as JsonObject;
        expect(createThreeWayMergePatch(modified, modified, result)).toEqual({});
      }),
      { numRuns: 500 },
    );
  });
});

describe("patchSchemaOf", () => {
  it("knows Kubernetes' own kinds and takes nobody else's for them", () => {
    expect(patchSchemaOf("", "v1", "Pod")?.properties).toHaveProperty("spec");
    expect(patchSchemaOf("networking.k8s.io", "v1", "Ingress")).toBeDefined();
    expect(patchSchemaOf("apiextensions.k8s.io", "v1", "CustomResourceDefinition")).toBeDefined();
    expect(patchSchemaOf("apps.example.com", "v1", "Deployment")).toBeUndefined();
  });
});

/** Lists that are merged by key come in the order in which the server had them when a patch says nothing of it. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted);
    const named = items.every((item) => typeof item === "object" || ["a", "b", "c"].includes(item as string));
    return named ? items.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1)) : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, entry]) => [key, sorted(entry)]),
  );
}
