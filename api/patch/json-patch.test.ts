import { describe, expect, test } from "vitest";
import { applyJsonPatch, unknownPatchFields } from "./json-patch.ts";
import type { Json, JsonObject } from "./merge-patch.ts";

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
    [{ a: [] }, [{ op: "add", path: "/a/5", value: 1 }]],
    [{}, [{ op: "test", path: "/a", value: 1 }]],
  ])("%j with %j does not apply", (target, patch) => {
    expect(applyJsonPatch(target, patch)).toMatchObject({ problem: "doesNotApply" });
  });

  test.each<Json>([{}, "x", [1], [{ op: "add", path: 1 }]])("%j is no patch", (patch) => {
    expect(applyJsonPatch({}, patch)).toMatchObject({ problem: "notAPatch" });
  });

  // Source: vendor/gopkg.in/evanphx/json-patch.v4/patch.go, whose words reach the client, and whose liberties people rely on.
  test.each<[string, Json, JsonObject, Json]>([
    ["a replacement may be the first value of its name", {}, { op: "replace", path: "/a", value: 1 }, { a: 1 }],
    ["a replacement may be of the whole", { a: 1 }, { op: "replace", path: "", value: { b: 2 } }, { b: 2 }],
    ["an index may count from the end", { a: [1, 2, 3] }, { op: "remove", path: "/a/-1" }, { a: [1, 2] }],
    ["added at the end by a negative index", { a: [1, 2] }, { op: "add", path: "/a/-1", value: 3 }, { a: [1, 2, 3] }],
    ["what is absent tests as null", {}, { op: "test", path: "/a", value: null }, {}],
    ["what is absent is copied as null", {}, { op: "copy", from: "/a", path: "/b" }, { b: null }],
    ["a whole may be tested", { a: 1 }, { op: "test", path: "", value: { a: 1 } }, { a: 1 }],
    ["~1 is a slash and ~0 a tilde", { "a/b": { "c~d": 1 } }, { op: "remove", path: "/a~1b/c~0d" }, { "a/b": {} }],
  ])("%s", (_what, target, operation, expected) => {
    expect(applyJsonPatch(target, [operation])).toEqual({ result: expected });
  });

  test.each<[Json, JsonObject, string]>([
    [{}, { op: "add", path: "/a/b", value: 1 }, 'add operation does not apply: doc is missing path: "/a/b": missing value'],
    [{}, { op: "add", path: "", value: 1 }, 'add operation does not apply: doc is missing path: "": missing value'],
    [
      { a: [] },
      { op: "add", path: "/a/5", value: 1 },
      "error in add for path: '/a/5': Unable to access invalid index: 5: invalid index referenced",
    ],
    [
      { a: [] },
      { op: "add", path: "/a/x", value: 1 },
      `error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: parsing "x": invalid syntax`,
    ],
    [{}, { op: "remove", path: "/a" }, "error in remove for path: '/a': Unable to remove nonexistent key: a: missing value"],
    [
      { a: [1] },
      { op: "remove", path: "/a/1" },
      "error in remove for path: '/a/1': Unable to access invalid index: 1: invalid index referenced",
    ],
    [{}, { op: "remove", path: "/a/b" }, 'remove operation does not apply: doc is missing path: "/a/b": missing value'],
    [{}, { op: "replace", path: "/a/b", value: 1 }, "replace operation does not apply: doc is missing path: /a/b: missing value"],
    [
      { a: [1] },
      { op: "replace", path: "/a/1", value: 1 },
      "replace operation does not apply: doc is missing key: /a/1: missing value",
    ],
    [{ a: 1 }, { op: "test", path: "/a", value: 2 }, "testing value /a failed: test failed"],
    [{}, { op: "test", path: "/a/b", value: 2 }, "test operation does not apply: is missing path: /a/b: missing value"],
    [
      { a: [] },
      { op: "test", path: "/a/0", value: 2 },
      "error in test for path: '/a/0': Unable to access invalid index: 0: invalid index referenced",
    ],
    [
      {},
      { op: "move", from: "/a/b", path: "/c" },
      "move operation does not apply: doc is missing from path: /a/b: missing value",
    ],
    [
      {},
      { op: "move", from: "/a", path: "/c" },
      "error in move for path: 'a': Unable to remove nonexistent key: a: missing value",
    ],
    [
      { a: 1 },
      { op: "move", from: "/a", path: "/c/d" },
      "move operation does not apply: doc is missing destination path: /c/d: missing value",
    ],
    [
      {},
      { op: "copy", from: "/a/b", path: "/c" },
      "copy operation does not apply: doc is missing from path: /a/b: missing value",
    ],
    [
      { a: 1 },
      { op: "copy", from: "/a", path: "/c/d" },
      "copy operation does not apply: doc is missing destination path: /c/d: missing value",
    ],
    [{}, { op: "move", path: "/a" }, "move operation failed to decode from: operation, missing from field: missing value"],
    [{}, { op: "add" }, "add operation failed to decode path: missing value"],
    [{}, { op: "test" }, "test operation failed to decode path: operation missing path field: missing value"],
    [{}, { op: "grow", path: "/a" }, "Unexpected kind: grow"],
    [{}, {}, "Unexpected kind: unknown"],
  ])("%j with %j fails in upstream's words", (target, operation, message) => {
    expect(applyJsonPatch(target, [operation])).toEqual({ problem: "doesNotApply", message });
  });

  // Source: applyJSPatch in apiserver/pkg/endpoints/handlers/patch.go.
  test("may have ten thousand operations and not one more", () => {
    const patch = (count: number): Json => Array.from({ length: count }, () => ({ op: "test", path: "/a", value: null }));
    expect(applyJsonPatch({}, patch(10_000))).toEqual({ result: {} });
    expect(applyJsonPatch({}, patch(10_001))).toEqual({
      problem: "tooLarge",
      message: "The allowed maximum operations in a JSON patch is 10000, got 10001",
    });
  });

  test("tells strict clients of fields that no operation has", () => {
    expect(
      unknownPatchFields([
        { op: "test", path: "/a", valeu: 1 },
        { op: "test", path: "/a", value: 1 },
      ]),
    ).toEqual(['json patch unknown field "[0].valeu"']);
  });

  test("reaches into no prototype", () => {
    const patch: Json = [{ op: "add", path: "/__proto__/polluted", value: true }];
    applyJsonPatch({}, patch);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
