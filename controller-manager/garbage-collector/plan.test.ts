import type { KubeObject, Stored } from "#api/object";
import { configMaps, pods } from "#api/resource-type";
import { describe, expect, test } from "vitest";
import { type Write, writesOf } from "../framework/plan.ts";
import { type Dependent, type GarbageView, type Owner, planGarbage } from "./plan.ts";

function object(name: string, metadata: Partial<KubeObject["metadata"]> = {}): Stored<KubeObject> {
  return { metadata: { namespace: "default", name, uid: name, resourceVersion: "1", creationTimestamp: "", ...metadata } };
}

function reference(uid: string, blockOwnerDeletion = false) {
  return { apiVersion: "v1", kind: "ConfigMap", name: uid, uid, blockOwnerDeletion };
}

function view(
  subject: Stored<KubeObject>,
  owners: Record<string, Owner["state"]> = {},
  dependents: Dependent[] = [],
): GarbageView {
  return {
    object: { ...subject, metadata: { ...subject.metadata, ownerReferences: Object.keys(owners).map((uid) => reference(uid)) } },
    type: pods,
    owners: Object.entries(owners).map(([uid, state]) => ({ reference: reference(uid), state })),
    dependents,
  };
}

const dependent = (name: string, blocking: boolean, metadata: Partial<KubeObject["metadata"]> = {}): Dependent => ({
  type: configMaps,
  object: object(name, { ownerReferences: [reference("o", blocking)], ...metadata }),
});

const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };

function summary(planned: GarbageView): unknown[] {
  return planGarbage(planned).steps.flatMap((step): unknown[] => {
    if (step.type === "announce") return [`${step.notice.reason}: ${step.notice.message}`];
    return writesOf([step]).map(summaryOf);
  });
}

function summaryOf(write: Write): unknown {
  if (write.type === "delete") return `delete ${write.target.metadata.name} ${write.propagationPolicy ?? ""}`;
  return write.type === "patch" && (write.patch as { patch: { metadata: object } }).patch.metadata;
}

describe("a dependent", () => {
  test("stays with an owner that is there, or of which nothing is known", () => {
    expect(summary(view(object("o"), { a: "present" }))).toEqual([]);
    expect(summary(view(object("o"), { a: "unknown" }))).toEqual([]);
    expect(summary(view(object("o")))).toEqual([]);
  });

  test("goes with the last of its owners", () => {
    expect(summary(view(object("o"), { a: "absent" }))).toEqual(["delete o Background"]);
    expect(summary(view(object("o"), { a: "absent", b: "leaving" }))).toEqual(["delete o Background"]);
  });

  test("forgets owners that are gone or leaving while another is there", () => {
    expect(summary(view(object("o"), { a: "present", b: "absent", c: "leaving" }))).toEqual([
      { ownerReferences: [reference("a")], resourceVersion: "1" },
    ]);
    expect(summary(view(object("o"), { a: "unknown", b: "absent" }))).toEqual([
      { ownerReferences: [reference("a")], resourceVersion: "1" },
    ]);
  });

  test("is deleted in the way that its finalizers ask for", () => {
    expect(summary(view(object("o", { finalizers: ["orphan"] }), { a: "absent" }))).toEqual(["delete o Orphan"]);
    expect(summary(view(object("o", { finalizers: ["foregroundDeletion"] }), { a: "absent" }))).toEqual(["delete o Foreground"]);
  });

  test("with dependents of its own lets them go first when its owner waits", () => {
    expect(summary(view(object("o"), { a: "leaving" }, [dependent("d", true)]))).toEqual(["delete o Foreground"]);
  });

  // reportInvalidNamespaceOwnerRef
  test("says of an owner in another namespace that it is none, and goes", () => {
    const elsewhere: Owner = { reference: reference("a"), state: "absent", isElsewhere: true };
    expect(summary({ ...view(object("o"), { a: "absent" }), owners: [elsewhere] })).toEqual([
      'OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: default, name: a, uid: a] does not exist in namespace "default"',
      "delete o Background",
    ]);
  });

  test("that is in no namespace stays with an owner that is in one, and says so", () => {
    const clusterWide = view(object("o", { namespace: "" }), { a: "unknown" });
    const elsewhere: Owner = { reference: reference("a"), state: "unknown", isElsewhere: true };
    expect(summary({ ...clusterWide, owners: [elsewhere] })).toEqual([
      'OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: , name: a, uid: a] does not exist in namespace ""',
    ]);
  });

  test("in a circle of owners stops blocking", () => {
    const circular = dependent("d", true, { ...going, finalizers: ["foregroundDeletion"] });
    expect(summary(view(object("o"), { a: "leaving" }, [circular]))).toEqual([
      { ownerReferences: [reference("a", false)], resourceVersion: "1" },
      "delete o Foreground",
    ]);
  });
});

describe("an owner that is being deleted", () => {
  test("in the background is nobody's concern any more", () => {
    expect(summary(view(object("o", going), { a: "absent" }, [dependent("d", true)]))).toEqual([]);
  });

  test("in the foreground waits for those that block it", () => {
    const owner = object("o", { ...going, finalizers: ["foregroundDeletion", "other"] });
    expect(summary(view(owner, {}, [dependent("d", true)]))).toEqual([]);
    expect(summary(view(owner, {}, [dependent("d", false)]))).toEqual([{ finalizers: ["other"], resourceVersion: "1" }]);
    expect(summary(view(owner))).toEqual([{ finalizers: ["other"], resourceVersion: "1" }]);
  });

  test("as an orphaner frees its dependents before it goes", () => {
    const owner = object("o", { ...going, finalizers: ["orphan"] });
    expect(summary(view(owner, {}, [dependent("d", true)]))).toEqual([
      { ownerReferences: [], resourceVersion: "1" },
      { finalizers: [], resourceVersion: "1" },
    ]);
  });
});
