import type { Namespace, NamespaceStatus } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { configMaps, deployments, namespaces, pods, type ResourceType } from "#api/resource-type";
import { StatusError } from "#api/status";
import { describe, expect, test } from "vitest";
import { type Outcome, writesOf } from "../framework/plan.ts";
import { concludeNamespace, type NamespaceView, planNamespace } from "./plan.ts";

const now = Date.parse("2026-01-01T01:00:00Z");
const meta = { uid: "u", resourceVersion: "1", creationTimestamp: "" };

const terminating: Stored<Namespace> = {
  metadata: { ...meta, name: "team", deletionTimestamp: "2026-01-01T00:00:00Z" },
  spec: { finalizers: ["kubernetes", "theirs"] },
};

function view(content: [ResourceType, Stored<KubeObject>[]][], namespace = terminating): NamespaceView {
  return { namespace, content: content.map(([type, objects]) => ({ type, objects })), now };
}

function object(name: string, more: Partial<KubeObject["metadata"]> = {}): Stored<KubeObject> {
  return { metadata: { ...meta, namespace: "team", name, ...more } };
}

const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };

function summary(planned: NamespaceView): string[] {
  return writesOf(planNamespace(planned).steps).map((write) => `${write.type} ${write.resource.resource}`);
}

describe("a namespace", () => {
  test("that is not being deleted is left alone", () => {
    expect(summary(view([[pods, [object("p")]]], { metadata: { ...meta, name: "team" } }))).toEqual([]);
  });

  test("loses its pods first, and the rest when they are gone", () => {
    expect(
      summary(
        view([
          [deployments, [object("d")]],
          [pods, [object("p"), object("q", going)]],
        ]),
      ),
    ).toEqual(["delete pods"]);
    expect(
      summary(
        view([
          [deployments, [object("d")]],
          [pods, [object("q", going)]],
        ]),
      ),
    ).toEqual([]);
    expect(
      summary(
        view([
          [deployments, [object("d")]],
          [configMaps, [object("c")]],
          [pods, []],
        ]),
      ),
    ).toEqual(["delete deployments", "delete configmaps"]);
  });

  test("looks again soon while it waits", () => {
    expect(planNamespace(view([[pods, [object("q", going)]]])).requeueAfterMs).toBe(1000);
  });

  test("goes when it is empty, but not before others let it go", () => {
    const [write] = writesOf(planNamespace(view([[pods, []]])).steps);
    expect(write).toMatchObject({
      type: "update",
      resource: namespaces,
      subresource: "finalize",
      object: { spec: { finalizers: ["theirs"] } },
    });
  });

  test("says what remains in upstream's words", () => {
    const planned = view([
      [pods, [object("q", { ...going, finalizers: ["example.com/hold"] }), object("r", going)]],
      [deployments, [object("d")]],
    ]);
    const status = concludeNamespace(planned, [])?.status as NamespaceStatus;
    expect(status.phase).toBe("Terminating");
    expect(Object.fromEntries(status.conditions!.map(({ type, message }) => [type, message]))).toMatchObject({
      NamespaceContentRemaining:
        "Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances",
      NamespaceFinalizersRemaining:
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
      NamespaceDeletionContentFailure: "All content successfully deleted, may be waiting on finalization",
    });
  });

  test("keeps what nobody could look at from being forgotten, and says why", () => {
    const planned = view([
      [pods, []],
      [configMaps, [object("c")]],
    ]);
    const blind = { ...planned, content: [...planned.content, { type: deployments, objects: [], unknown: "not today" }] };
    expect(summary(blind)).toEqual(["delete configmaps"]);
    const empty = { ...blind, content: blind.content.map((each) => ({ ...each, objects: [] })) };
    expect(summary(empty)).toEqual([]);
    const status = concludeNamespace(empty, [])?.status as NamespaceStatus;
    expect(status.conditions?.find(({ type }) => type === "NamespaceDeletionContentFailure")).toMatchObject({
      status: "True",
      message: "Failed to delete all resource types, 1 remaining: not today",
    });
    const noPods = { ...blind, content: [{ type: pods, objects: [], unknown: "not today" }, ...blind.content.slice(1)] };
    expect(summary(noPods)).toEqual([]);
  });

  test("says what could not be deleted, once a kind", () => {
    const planned = view([[pods, [object("p"), object("q")]]]);
    const failed = writesOf(planNamespace(planned).steps).map((write): Outcome => ({
      type: "failed",
      write,
      error: new StatusError("Forbidden", "not allowed"),
    }));
    const status = concludeNamespace(planned, failed)?.status as NamespaceStatus;
    expect(status.conditions?.find(({ type }) => type === "NamespaceDeletionContentFailure")).toMatchObject({
      status: "True",
      reason: "ContentDeletionFailed",
      message: "Failed to delete all resource types, 1 remaining: not allowed",
    });
  });
});
