import { describe, expect, test } from "vitest";
import type { ObjectMeta } from "./generated/types.ts";
import { dnsLabelErrors } from "./label-validation.ts";
import { validateMetadata, validateMetadataUpdate } from "./metadata-validation.ts";

const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "a", uid: "1" };
const text = ({ field, message }: { field?: string; message?: string }): string => `${field ?? ""}: ${message ?? ""}`;
const qualified =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

describe("metadata", () => {
  test.each<[Partial<ObjectMeta>, string[]]>([
    [{}, []],
    [{ name: "a.b-c", labels: { "example.com/x": "" }, annotations: { "Example.com/X": "any thing" } }, []],
    [{ finalizers: ["example.com/f", "orphan"], ownerReferences: [owner, { ...owner, uid: "2", controller: true }] }, []],
    [{ generateName: "web-" }, []],
    [{ name: "" }, ["metadata.name: Required value: name or generateName is required"]],
    [{ namespace: "team" }, ["metadata.namespace: Forbidden: not allowed on this type"]],
    [{ labels: { "a b": "x" } }, [`metadata.labels: Invalid value: "a b": name part ${qualified}`]],
    [{ annotations: { "/x": "" } }, ['metadata.annotations: Invalid value: "/x": prefix part must be non-empty']],
    [{ annotations: { a: "x".repeat(256 * 1024) } }, ["metadata.annotations: Too long: may not be more than 262144 bytes"]],
    [
      { finalizers: ["mine"] },
      ['metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'],
    ],
    [
      { finalizers: ["orphan", "foregroundDeletion"] },
      [
        'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
      ],
    ],
    [
      { ownerReferences: [{ ...owner, apiVersion: "", uid: "" }] },
      [
        'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
        'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
      ],
    ],
    [
      { ownerReferences: [{ ...owner, apiVersion: "v1", kind: "Event" }] },
      [
        'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"a","uid":"1"}: /v1, Kind=Event is disallowed from being an owner',
      ],
    ],
    [{ managedFields: [{ operation: "Apply", fieldsType: "FieldsV1" }, { operation: "Update" }] }, []],
    [
      { managedFields: [{ operation: "Merge", fieldsType: "FieldsV2" }] },
      [
        'metadata.managedFields.operation: Invalid value: "Merge": must be `Apply` or `Update`',
        'metadata.managedFields.fieldsType: Invalid value: "FieldsV2": must be `FieldsV1`',
      ],
    ],
  ])("%j", (metadata, expected) => {
    expect(validateMetadata({ name: "a", ...metadata }, false).map(text)).toEqual(expected);
  });

  test("has one controller at most", () => {
    const ownerReferences = [1, 2].map((uid) => ({ ...owner, uid: `${uid}`, controller: true }));
    expect(validateMetadata({ name: "a", ownerReferences }, true).map(({ message = "" }) => message)).toEqual([
      expect.stringContaining('Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/a'),
    ]);
  });

  test("follows the kind's own rule of names, and lets a prefix end in a hyphen", () => {
    expect(validateMetadata({ name: "a.b" }, false, dnsLabelErrors).map(text)).toEqual([
      'metadata.name: Invalid value: "a.b": must not contain dots',
    ]);
    expect(validateMetadata({ name: "a-x", generateName: "a-" }, false, dnsLabelErrors)).toEqual([]);
    expect(validateMetadata({ name: "a-x", generateName: "A-" }, false, dnsLabelErrors)).toHaveLength(1);
  });
});

describe("an update of metadata", () => {
  const old: ObjectMeta = { name: "a", namespace: "n", uid: "1", finalizers: ["x/y"] };
  test.each<[ObjectMeta, ObjectMeta, string[]]>([
    [{ ...old, labels: { a: "b" } }, old, []],
    [{ ...old, uid: "2" }, old, ['metadata.uid: Invalid value: "2": field is immutable']],
    [{ ...old, namespace: "m" }, old, ['metadata.namespace: Invalid value: "m": field is immutable']],
    [{ ...old, finalizers: ["x/y", "x/z"] }, old, []],
    [
      { ...old, deletionTimestamp: "t", finalizers: ["x/y", "x/z"] },
      { ...old, deletionTimestamp: "t" },
      [
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/z"}',
      ],
    ],
    [{ ...old, deletionTimestamp: "t", finalizers: [] }, { ...old, deletionTimestamp: "t" }, []],
  ])("%#", (next, before, expected) => {
    expect(validateMetadataUpdate(next, before).map(text)).toEqual(expected);
  });
});
