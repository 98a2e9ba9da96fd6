import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { schemaDefinitions } from "../schema.ts";
import { goText } from "./go-text.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch, isJsonObject, type Json, type JsonObject } from "./merge-patch.ts";
import { applyStrategicMergePatch } from "./strategic-merge-patch.ts";
import { StrategicPatchError } from "./strategic-patch-error.ts";

// The examples of RFC 7396, appendix A.
describe("a merge patch", () => {
  test.each<[Json, Json, Json]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j with %j gives %j", (target, patch, expected) => {
    expect(applyMergePatch(target, patch)).toEqual(expected);
  });

  test("that is the difference of two documents turns one into the other", () => {
    fc.assert(
      fc.property(documents, documents, (from, to) => {
        expect(applyMergePatch(from, difference(from, to))).toEqual(to);
      }),
    );
  });

  test("leaves prototypes alone", () => {
    const patch = JSON.parse('{"__proto__":{"polluted":true}}') as Json;
    expect(JSON.stringify(applyMergePatch({}, patch))).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

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

function difference(from: Json | undefined, to: Json): Json {
  if (!isJsonObject(from) || !isJsonObject(to)) return to;
  const removed = Object.keys(from).filter((key) => !(key in to));
  return {
    ...Object.fromEntries(removed.map((key) => [key, null])),
    ...Object.fromEntries(Object.entries(to).map(([key, value]) => [key, difference(from[key], value)])),
  };
}

// The examples of RFC 6902, appendix A, and where implementations differ.
describe("a JSON patch", () => {
  test.each<[Json, Json, Json]>([
    [{ foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { foo: "bar", baz: "qux" }],
    [{ foo: ["bar", "baz"] }, [{ op: "add", path: "/foo/1", value: "qux" }], { foo: ["bar", "qux", "baz"] }],
    [{ baz: "qux", foo: "bar" }, [{ op: "remove", path: "/baz" }], { foo: "bar" }],
    [{ foo: ["bar", "qux", "baz"] }, [{ op: "remove", path: "/foo/1" }], { foo: ["bar", "baz"] }],
    [{ baz: "qux" }, [{ op: "replace", path: "/baz", value: "boo" }], { baz: "boo" }],
    [{ foo: { waldo: "f" }, qux: {} }, [{ op: "move", from: "/foo/waldo", path: "/qux/thud" }], { foo: {}, qux: { thud: "f" } }],
    [{ foo: ["all", "grass", "cows"] }, [{ op: "move", from: "/foo/1", path: "/foo/2" }], { foo: ["all", "cows", "grass"] }],
    [{ a: "b" }, [{ op: "test", path: "/a", value: "b" }], { a: "b" }],
    [{ foo: "bar" }, [{ op: "add", path: "/child", value: { grandchild: {} } }], { foo: "bar", child: { grandchild: {} } }],
    [{ "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: 10 }], { "/": 9, "~1": 10 }],
    [{ foo: ["bar"] }, [{ op: "add", path: "/foo/-", value: ["abc"] }], { foo: ["bar", ["abc"]] }],
    [{ a: { b: 1 } }, [{ op: "copy", from: "/a", path: "/c" }], { a: { b: 1 }, c: { b: 1 } }],
    [{ a: { x: 1, y: 2 } }, [{ op: "test", path: "/a", value: { y: 2, x: 1 } }], { a: { x: 1, y: 2 } }],
    [{ a: null }, [{ op: "test", path: "/a", value: null }], { a: null }],
  ])("%j with %j gives %j", (target, patch, expected) => {
    const before = structuredClone(target);
    expect(applyJsonPatch(target, patch)).toEqual({ result: expected });
    expect(target).toEqual(before);
  });

  test.each<[Json, Json]>([
    [{ foo: "bar" }, [{ op: "add", path: "/baz/bat", value: "qux" }]],
    [{ baz: "qux" }, [{ op: "test", path: "/baz", value: "bar" }]],
    [{ baz: "1" }, [{ op: "test", path: "/baz", value: 1 }]],
    [{}, [{ op: "remove", path: "/a" }]],
    [{}, [{ op: "replace", path: "/a", value: 1 }]],
    [{ a: [] }, [{ op: "add", path: "/a/5", value: 1 }]],
    [{}, [{ op: "test", path: "/a", value: 1 }]],
  ])("%j with %j does not apply", (target, patch) => {
    expect(applyJsonPatch(target, patch)).toMatchObject({ problem: "doesNotApply" });
  });

  test.each<Json>([{}, "x", [1], [{ op: "grow", path: "/a" }], [{ op: "add" }]])("%j is no patch", (patch) => {
    expect(applyJsonPatch({}, patch)).toMatchObject({ problem: "notAPatch" });
  });

  test("reaches into no prototype", () => {
    const patch: Json = [{ op: "add", path: "/__proto__/polluted", value: true }];
    applyJsonPatch({}, patch);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

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

  test.each<[JsonObject, string]>([
    [containers({ image: "x" }), "map: map[image:x] does not contain declared merge key: name"],
    [{ spec: { $patch: "shred" } }, 'Unknown patch type: "shred"'],
    [containers("a"), "invalid type for list item of containers: every item must be an object"],
  ])("%j fits no pod", (patch, message) => {
    expect(() => applyStrategicMergePatch({ spec: {} }, patch, pod)).toThrow(new StrategicPatchError(message));
  });

  test("of nothing changes nothing", () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(applyStrategicMergePatch(document, {}, pod)).toEqual(document);
      }),
    );
  });
});

test("a document reads in Go's messages as Go prints maps", () => {
  expect(goText({ b: [1, "x", null, true], a: { c: {} } })).toBe("map[a:map[c:map[]] b:[1 x <nil> true]]");
});
