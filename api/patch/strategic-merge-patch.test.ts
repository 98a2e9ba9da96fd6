import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { schemaDefinitions } from "../schema.ts";
import type { Json, JsonObject } from "./merge-patch.ts";
import { applyStrategicMergePatch } from "./strategic-merge-patch.ts";
import { StrategicPatchError } from "./strategic-patch-error.ts";

/** Documents without null, which a merge patch cannot write. */
const documents: fc.Arbitrary<JsonObject> = fc
  .dictionary(
    fc.constantFrom("a", "b", "c", "d"),
    fc.letrec((tie) => ({
      value: fc.oneof(
        fc.integer(),
        fc.string(),
        fc.boolean(),
        fc.array(fc.integer(), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("x", "y", "z"), tie("value"), { maxKeys: 2 }),
      ),
    })).value as fc.Arbitrary<Json>,
  )
  .map((document) => JSON.parse(JSON.stringify(document)) as JsonObject);

describe("a strategic merge patch", () => {
  const pod = schemaDefinitions()["io.k8s.api.core.v1.Pod"] ?? {};
  const service = schemaDefinitions()["io.k8s.api.core.v1.Service"] ?? {};
  const deployment = schemaDefinitions()["io.k8s.api.apps.v1.Deployment"] ?? {};
  const containers = (...list: Json[]): JsonObject => ({ spec: { containers: list } });

  test.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      "merges lists of objects by their key",
      containers({ name: "a", image: "1", tty: true }, { name: "b", image: "1" }),
      containers({ name: "a", image: "2" }, { name: "c", image: "3" }),
      containers({ name: "a", image: "2", tty: true }, { name: "c", image: "3" }, { name: "b", image: "1" }),
    ],
    // The first example of kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch.
    [
      "puts what is new in front",
      containers({ name: "ctr" }),
      containers({ name: "ctr-2" }),
      containers({ name: "ctr-2" }, { name: "ctr" }),
    ],
    [
      "follows the order of the patch, and leaves what only the server has behind what it followed",
      containers({ name: "a" }, { name: "b" }, { name: "c" }),
      containers({ name: "c" }, { name: "a" }),
      containers({ name: "b" }, { name: "c" }, { name: "a" }),
    ],
    [
      "puts new values of a list of names in front too",
      { metadata: { finalizers: ["a"] } },
      { metadata: { finalizers: ["b"] } },
      { metadata: { finalizers: ["b", "a"] } },
    ],
    [
      "deletes an item by $patch",
      containers({ name: "a" }, { name: "b" }),
      containers({ name: "a", $patch: "delete" }),
      containers({ name: "b" }),
    ],
    [
      "replaces a whole list by $patch",
      containers({ name: "a" }, { name: "b" }),
      containers({ name: "c" }, { $patch: "replace" }),
      containers({ name: "c" }),
    ],
    [
      "replaces a map by $patch",
      { metadata: { labels: { a: "1", b: "2" } } },
      { metadata: { labels: { $patch: "replace", c: "3" } } },
      { metadata: { labels: { c: "3" } } },
    ],
    [
      "replaces lists that are not merged",
      containers({ name: "a", command: ["x", "y"] }),
      containers({ name: "a", command: ["z"] }),
      containers({ name: "a", command: ["z"] }),
    ],
    [
      "adds to sets of scalars",
      { metadata: { finalizers: ["a/a", "b/b"] } },
      { metadata: { finalizers: ["b/b", "c/c"] } },
      { metadata: { finalizers: ["a/a", "b/b", "c/c"] } },
    ],
    [
      "deletes from sets of scalars",
      { metadata: { finalizers: ["a/a", "b/b"] } },
      { metadata: { "$deleteFromPrimitiveList/finalizers": ["a/a"] } },
      { metadata: { finalizers: ["b/b"] } },
    ],
    [
      "merges owners by uid",
      { metadata: { ownerReferences: [{ uid: "1", name: "a" }] } },
      {
        metadata: {
          ownerReferences: [
            { uid: "1", controller: true },
            { uid: "2", name: "b" },
          ],
        },
      },
      {
        metadata: {
          ownerReferences: [
            { uid: "1", name: "a", controller: true },
            { uid: "2", name: "b" },
          ],
        },
      },
    ],
    [
      "merges the ports of containers by containerPort",
      containers({ name: "a", ports: [{ containerPort: 80, name: "x" }] }),
      containers({ name: "a", ports: [{ containerPort: 80, name: "y" }, { containerPort: 81 }] }),
      containers({ name: "a", ports: [{ containerPort: 80, name: "y" }, { containerPort: 81 }] }),
    ],
    [
      "keeps of an object only what $retainKeys names",
      { spec: { volumes: [{ name: "v", emptyDir: {} }] } },
      { spec: { volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/" } }] } },
      { spec: { volumes: [{ name: "v", hostPath: { path: "/" } }] } },
    ],
    [
      "puts items into the order of $setElementOrder, those of others where they were",
      containers({ name: "a" }, { name: "server" }, { name: "b" }),
      { spec: { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }, { name: "c" }], containers: [{ name: "c" }] } },
      containers({ name: "server" }, { name: "b" }, { name: "a" }, { name: "c" }),
    ],
    [
      "removes by null",
      { metadata: { labels: { a: "1" } } },
      { metadata: { labels: { a: null } } },
      { metadata: { labels: {} } },
    ],
    [
      "keeps directives and nulls out of what is new",
      { spec: {} },
      containers({ name: "a", image: null, securityContext: { $patch: "replace", privileged: true } }),
      containers({ name: "a", securityContext: { privileged: true } }),
    ],
  ])("%s", (_what, target, patch, expected) => {
    const before = structuredClone(target);
    expect(applyStrategicMergePatch(target, patch, pod)).toEqual(expected);
    expect(target).toEqual(before);
  });

  test("merges the ports of a Service by port", () => {
    const target = { spec: { ports: [{ port: 80, name: "x" }] } };
    expect(applyStrategicMergePatch(target, { spec: { ports: [{ port: 80, targetPort: 8080 }] } }, service)).toEqual({
      spec: { ports: [{ port: 80, name: "x", targetPort: 8080 }] },
    });
  });

  test("takes the patch of kubectl apply that drops a container, an argument and a label", () => {
    const live = {
      metadata: { name: "web", labels: { a: "1", mine: "x" }, annotations: { "deployment.kubernetes.io/revision": "1" } },
      spec: {
        replicas: 3,
        template: {
          spec: {
            containers: [
              { name: "app", image: "app:1", args: ["-v"], imagePullPolicy: "IfNotPresent" },
              { name: "side", image: "side:1" },
            ],
          },
        },
      },
    };
    // As kubectl 1.33 sends it.
    const patch = {
      metadata: { annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" }, labels: { a: null } },
      spec: {
        template: {
          spec: {
            "$setElementOrder/containers": [{ name: "app" }],
            containers: [
              { args: null, image: "app:2", name: "app" },
              { $patch: "delete", name: "side" },
            ],
          },
        },
      },
    };
    expect(applyStrategicMergePatch(live, patch, deployment)).toEqual({
      metadata: {
        name: "web",
        labels: { mine: "x" },
        annotations: { "deployment.kubernetes.io/revision": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
      },
      spec: {
        replicas: 3,
        template: { spec: { containers: [{ name: "app", image: "app:2", imagePullPolicy: "IfNotPresent" }] } },
      },
    });
  });

  // Source: mergeSlice and normalizeElementOrder in apimachinery/pkg/util/strategicpatch/patch.go.
  test.each<[string, string, string, string]>([
    ["what is new comes first, without an order", "a b", "c", "c a b"],
    ["the patch's own order is taken", "a b c", "c a", "b c a"],
    ["what the server has alone stays before what it was before", "a x b", "a b", "a x b"],
    ["several of the server's keep their own order", "x a y b z", "b a", "x y b a z"],
  ])("orders a list by what it speaks of: %s", (_what, before, patch, expected) => {
    const list = (names: string): JsonObject => containers(...names.split(" ").map((name) => ({ name })));
    expect(applyStrategicMergePatch(list(before), list(patch), pod)).toEqual(list(expected));
    const set = (names: string): JsonObject => ({ metadata: { finalizers: names.split(" ") } });
    expect(applyStrategicMergePatch(set(before), set(patch), pod)).toEqual(set(expected));
  });

  // Source: mergePatchIntoOriginal in the same file.
  test.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      "an order alone moves what is there",
      containers({ name: "a" }, { name: "b" }),
      { spec: { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] } },
      containers({ name: "b" }, { name: "a" }),
    ],
    [
      "an order holds for plain values",
      { metadata: { finalizers: ["a/a", "s/s", "b/b"] } },
      { metadata: { "$setElementOrder/finalizers": ["c/c", "b/b", "a/a"], finalizers: ["c/c"] } },
      { metadata: { finalizers: ["c/c", "s/s", "b/b", "a/a"] } },
    ],
    [
      "a deletion needs no place in the order",
      containers({ name: "a" }, { name: "b" }),
      {
        spec: {
          "$setElementOrder/containers": [{ name: "b" }],
          containers: [
            { name: "b", image: "i" },
            { name: "a", $patch: "delete" },
          ],
        },
      },
      containers({ name: "b", image: "i" }),
    ],
    ["an order of what nobody has says nothing", {}, { spec: { "$setElementOrder/containers": [{ name: "a" }] } }, { spec: {} }],
    [
      "every item of a deleted key goes",
      containers({
        name: "a",
        ports: [
          { containerPort: 53, protocol: "UDP" },
          { containerPort: 53, protocol: "TCP" },
        ],
      }),
      containers({ name: "a", ports: [{ containerPort: 53, $patch: "delete" }] }),
      containers({ name: "a", ports: [] }),
    ],
    [
      "of two items of one key the first is merged with",
      containers({
        name: "a",
        ports: [
          { containerPort: 53, protocol: "UDP" },
          { containerPort: 53, protocol: "TCP" },
        ],
      }),
      containers({ name: "a", ports: [{ containerPort: 53, name: "dns" }] }),
      containers({
        name: "a",
        ports: [
          { containerPort: 53, protocol: "UDP", name: "dns" },
          { containerPort: 53, protocol: "TCP" },
        ],
      }),
    ],
    [
      "the second mention of a key is merged with the first",
      containers({ name: "a" }),
      containers({ name: "b", image: "1" }, { name: "b", tty: true }),
      containers({ name: "b", image: "1", tty: true }, { name: "a" }),
    ],
    [
      "a map is emptied by $patch: delete",
      { metadata: { labels: { a: "1" } } },
      { metadata: { labels: { $patch: "delete" } } },
      { metadata: { labels: {} } },
    ],
    [
      "a list of another kind is replaced",
      { metadata: { labels: { a: "1" } } },
      { metadata: { labels: ["a"] } },
      { metadata: { labels: ["a"] } },
    ],
    [
      "values that are not there need not be deleted",
      { metadata: { finalizers: ["a/a"] } },
      { metadata: { "$deleteFromPrimitiveList/finalizers": ["b/b"], "$deleteFromPrimitiveList/other": ["c"] } },
      { metadata: { finalizers: ["a/a"] } },
    ],
    [
      "$retainKeys takes away what only the server set",
      { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } },
      { spec: { strategy: { $retainKeys: ["type"], type: "Recreate", rollingUpdate: null } } },
      { spec: { strategy: { type: "Recreate" } } },
    ],
    ["a new list is taken as it is, keys or not", { spec: {} }, containers({ image: "x" }), containers({ image: "x" })],
  ])("%s", (_what, target, patch, expected) => {
    expect(applyStrategicMergePatch(target, patch, pod)).toEqual(expected);
  });

  // Source: apimachinery/pkg/util/mergepatch/errors.go, and where strategicpatch/patch.go returns each.
  test.each<[JsonObject, string]>([
    [containers({ image: "x" }), "map: map[image:x] does not contain declared merge key: name"],
    [containers({ $patch: "delete" }), "map: map[$patch:delete] does not contain declared merge key: name"],
    [containers({ name: "a", $patch: "merge" }), "merging lists cannot yet be specified in the patch"],
    [containers({ name: "a", $patch: "x" }), "unknown patch type: x in map: map[$patch:x name:a]"],
    [{ spec: { $patch: "shred" } }, "unknown patch type: shred in map: map[$patch:shred]"],
    [{ spec: { $patch: "merge", nodeName: "n" } }, "unknown patch type: merge in map: map[$patch:merge nodeName:n]"],
    [containers("a"), "list element types are not identical: [[map[name:a]] [a]]"],
    [{ spec: { $retainKeys: "a" } }, "invalid patch format of retainKeys"],
    [{ spec: { $retainKeys: ["containers"], nodeName: "n" } }, "invalid patch format of retainKeys"],
    [{ spec: { $setElementOrder: [] } }, "invalid patch format of setElementOrder list"],
    [{ spec: { $deleteFromPrimitiveList: [] } }, "invalid patch format of primitive list"],
    [{ spec: { "$setElementOrder/containers": "a" } }, "expected a []interface {}, but received a string"],
    [
      { spec: { "$setElementOrder/containers": ["a"], containers: [{ name: "a" }] } },
      "expected a map[string]interface {}, but received a string",
    ],
    [
      { spec: { "$setElementOrder/containers": [{ image: "a" }], containers: [{ name: "a" }] } },
      "map: map[image:a] does not contain declared merge key: name",
    ],
    [
      { spec: { "$setElementOrder/containers": [{ name: "a" }], containers: [{ name: "b" }] } },
      "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
    ],
    [
      { spec: { "$setElementOrder/containers": [{ name: "a" }, { name: "b" }], containers: [{ name: "b" }, { name: "a" }] } },
      "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:a] map[name:b]]\n",
    ],
  ])("%j fits no pod", (patch, message) => {
    expect(() => applyStrategicMergePatch(containers({ name: "a" }), patch, pod)).toThrow(new StrategicPatchError(message));
  });

  test("with a list of lists does not apply", () => {
    const target = { metadata: { finalizers: ["a/a"] } };
    expect(() => applyStrategicMergePatch(target, { metadata: { finalizers: [["b/b"]] } }, pod)).toThrow(
      new StrategicPatchError("lists of lists are not supported", "doesNotApply"),
    );
  });

  test("of nothing changes nothing", () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(applyStrategicMergePatch(document, {}, pod)).toEqual(document);
      }),
    );
  });
});
