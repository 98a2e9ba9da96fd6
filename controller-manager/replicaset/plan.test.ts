import type { Pod, PodStatus, ReplicaSet, ReplicaSetStatus } from "#api/generated/types";
import type { Stored } from "#api/object";
import { StatusError } from "#api/status";
import { describe, expect, test } from "vitest";
import { type Outcome, writesOf } from "../framework/plan.ts";
import { concludeReplicaSet, planReplicaSet, type ReplicaSetView } from "./plan.ts";

const now = Date.parse("2026-01-01T01:00:00Z");
const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "rs", controller: true };

function replicaSet(replicas: number, spec: Partial<ReplicaSet["spec"]> = {}, status?: ReplicaSetStatus): Stored<ReplicaSet> {
  return {
    metadata: { namespace: "default", name: "web", uid: "rs", resourceVersion: "1", creationTimestamp: "", generation: 4 },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      ...spec,
    },
    ...(status && { status }),
  };
}

interface PodOptions {
  readonly node?: string;
  readonly phase?: string;
  readonly readyFor?: number;
  readonly restarts?: number;
  readonly sidecarRestarts?: number;
  readonly age?: number;
  readonly cost?: string;
  readonly deleting?: boolean;
  readonly labels?: Record<string, string>;
  readonly owned?: boolean;
}

/** Ages in seconds. */
function pod(name: string, options: PodOptions = {}): Stored<Pod> {
  const { node = "n1", phase = "Running", readyFor, restarts = 0, age = 100, labels = { app: "web" }, owned = true } = options;
  const at = (seconds: number) => new Date(now - seconds * 1000).toISOString();
  const containers = [{ name: "c", image: "i", imageID: "", ready: true, restartCount: restarts }];
  const conditions = readyFor === undefined ? [] : [{ type: "Ready", status: "True", lastTransitionTime: at(readyFor) }];
  const { sidecarRestarts } = options;
  const sidecar = { name: "s", image: "i", imageID: "", ready: true, restartCount: sidecarRestarts ?? 0 };
  const sidecars = sidecarRestarts === undefined ? {} : { initContainerStatuses: [sidecar] };
  const status: PodStatus = { phase, conditions, containerStatuses: containers, ...sidecars };
  return {
    metadata: {
      namespace: "default",
      name,
      uid: name,
      resourceVersion: "1",
      creationTimestamp: at(age),
      labels,
      ...(owned && { ownerReferences: [owner] }),
      ...(options.cost !== undefined && { annotations: { "controller.kubernetes.io/pod-deletion-cost": options.cost } }),
      ...(options.deleting === true && { deletionTimestamp: at(0) }),
    },
    spec: { containers: [], initContainers: [{ name: "s", restartPolicy: "Always" }], ...(node !== "" && { nodeName: node }) },
    status,
  };
}

function view(set: Stored<ReplicaSet>, candidates: Stored<Pod>[], related = candidates): ReplicaSetView {
  return { replicaSet: set, candidates, related, canAdopt: true, now };
}

function summary(planned: ReplicaSetView): string[] {
  return writesOf(planReplicaSet(planned).steps).map((write) =>
    `${write.type} ${"target" in write ? write.target.metadata.name : ""}`.trim(),
  );
}

describe("a ReplicaSet", () => {
  test("makes what is missing, slowly at first, with owner, labels and a generated name", () => {
    const planned = planReplicaSet(view(replicaSet(3), [pod("a")]));
    expect(planned.steps).toMatchObject([{ type: "slowStart", writes: [{ type: "create" }, { type: "create" }] }]);
    const [write] = writesOf(planned.steps);
    expect(write).toMatchObject({
      object: {
        metadata: {
          generateName: "web-",
          namespace: "default",
          labels: { app: "web" },
          ownerReferences: [{ uid: "rs", controller: true }],
        },
        spec: { containers: [{ name: "c", image: "i" }] },
      },
    });
    expect(write?.announce?.done?.({ metadata: { name: "web-x" } })).toEqual({
      type: "Normal",
      reason: "SuccessfulCreate",
      message: "Created pod: web-x",
    });
  });

  test("does not count pods that are finished or on their way out", () => {
    const dying = [pod("a", { deleting: true }), pod("b", { phase: "Failed" }), pod("c", { phase: "Succeeded" })];
    expect(summary(view(replicaSet(1), dying))).toEqual(["create"]);
  });

  test("bounds what one pass makes", () => {
    expect(summary(view(replicaSet(2000), []))).toHaveLength(500);
  });

  test("does nothing while it is being deleted", () => {
    const set = replicaSet(3);
    const deleted = { ...set, metadata: { ...set.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
    expect(summary(view(deleted, [pod("orphan", { owned: false })]))).toEqual([]);
  });

  test("adopts what it selects and releases what it does not, and leaves finished business alone", () => {
    const strangers = [
      pod("orphan", { owned: false }),
      pod("dying-orphan", { owned: false, deleting: true }),
      pod("unselected", { owned: false, labels: {} }),
      pod("lost", { labels: { app: "other" } }),
      pod("ended", { owned: false, phase: "Succeeded" }),
      pod("lost and ended", { labels: { app: "other" }, phase: "Failed" }),
      pod("lost and going", { labels: { app: "other" }, deleting: true }),
    ];
    const planned = view(replicaSet(1), strangers);
    expect(summary(planned)).toEqual(["patch orphan", "patch lost"]);
    expect(writesOf(planReplicaSet(planned).steps)).toMatchObject([
      { patch: { patch: { metadata: { ownerReferences: [{ uid: "rs" }], resourceVersion: "1" } } } },
      { patch: { patch: { metadata: { ownerReferences: [], resourceVersion: "1" } } } },
    ]);
    expect(summary({ ...planned, canAdopt: false })).toEqual(["patch lost"]);
  });
});

describe("the first pod to go", () => {
  // Upstream's order, one criterion after the other: in each row the first pod loses to the second.
  test.each<[string, PodOptions, PodOptions]>([
    ["has no node", { node: "" }, { phase: "Pending" }],
    ["is pending rather than running", { phase: "Pending" }, { phase: "Running" }],
    ["is not known to run", { phase: "Unknown" }, { phase: "Running" }],
    ["is not ready", {}, { readyFor: 50 }],
    ["costs less", { readyFor: 5000, cost: "-10" }, { readyFor: 1 }],
    ["has been ready for a shorter time", { readyFor: 1, age: 5000 }, { readyFor: 500, age: 5000 }],
    ["restarted more often", { readyFor: 50, restarts: 3 }, { readyFor: 50 }],
    ["has a sidecar that restarted more often", { readyFor: 50, sidecarRestarts: 3 }, { readyFor: 50, sidecarRestarts: 1 }],
    ["restarted more often in its containers, whatever its sidecars did", { restarts: 1 }, { sidecarRestarts: 9 }],
    ["is younger", { readyFor: 1, age: 1 }, { readyFor: 1, age: 5000 }],
  ])("%s", (_why, loser, winner) => {
    // The names would decide the other way round.
    expect(summary(view(replicaSet(1), [pod("a", winner), pod("z", loser)]))).toEqual(["delete z"]);
  });

  test("shares its node with others of the same Deployment", () => {
    const own = [pod("a", { node: "n1", readyFor: 9000 }), pod("z", { node: "n2", readyFor: 9000 })];
    const sibling = { ...pod("sibling", { node: "n2" }), metadata: { ...pod("sibling").metadata, ownerReferences: [] } };
    expect(summary(view(replicaSet(1), own, [...own, sibling]))).toEqual(["delete z"]);
  });

  test("is chosen by uid when both are ready for about as long, whatever restarted", () => {
    const pods = [pod("a", { readyFor: 45 }), pod("z", { readyFor: 40, restarts: 5 })];
    expect(summary(view(replicaSet(1), pods))).toEqual(["delete a"]);
  });

  test("says so by no number that is none: its cost counts as nothing", () => {
    const pods = [pod("a", { cost: "-1" }), pod("z", { cost: "-05" })];
    expect(summary(view(replicaSet(1), pods))).toEqual(["delete a"]);
  });

  test("is chosen by uid when ages are of one magnitude", () => {
    expect(summary(view(replicaSet(1), [pod("b", { readyFor: 40 }), pod("a", { readyFor: 45 })]))).toEqual(["delete a"]);
  });
});

describe("the status", () => {
  const statusOf = (planned: ReplicaSetView, outcomes: Outcome[] = []) =>
    concludeReplicaSet(planned, outcomes).status as ReplicaSetStatus;

  test("counts pods by what they are", () => {
    const pods = [pod("a", { readyFor: 30 }), pod("b", { readyFor: 5 }), pod("c"), pod("d", { deleting: true })];
    expect(statusOf(view(replicaSet(3, { minReadySeconds: 10 }), pods))).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 2,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 4,
    });
  });

  test("is looked at again when a ready pod becomes available", () => {
    const pods = [pod("a", { readyFor: 30 }), pod("b", { readyFor: 5 }), pod("c", { readyFor: 8 })];
    expect(planReplicaSet(view(replicaSet(3, { minReadySeconds: 10 }), pods)).requeueAfterMs).toBe(2000);
    expect(planReplicaSet(view(replicaSet(3), pods)).requeueAfterMs).toBeUndefined();
  });

  test("says why pods cannot be made, since when, and no longer once they can", () => {
    const planned = view(replicaSet(1), []);
    const [write] = writesOf(planReplicaSet(planned).steps);
    const failed: Outcome = { type: "failed", write: write!, error: new StatusError("Forbidden", "exceeded quota") };
    const { conditions } = statusOf(planned, [failed]);
    expect(conditions).toEqual([
      {
        type: "ReplicaFailure",
        status: "True",
        reason: "FailedCreate",
        message: "exceeded quota",
        lastTransitionTime: "2026-01-01T01:00:00Z",
      },
    ]);
    const later = { ...planned, replicaSet: replicaSet(1, {}, { replicas: 0, conditions: conditions! }), now: now + 60_000 };
    expect(statusOf(later, [failed]).conditions).toEqual(conditions);
    expect(statusOf(later).conditions).toBeUndefined();
  });

  test("is silent about a namespace that is going away", () => {
    const planned = view(replicaSet(1), []);
    const [write] = writesOf(planReplicaSet(planned).steps);
    const error = new StatusError("Forbidden", "it is being terminated", { causes: [{ reason: "NamespaceTerminating" }] });
    expect(statusOf(planned, [{ type: "failed", write: write!, error }]).conditions).toBeUndefined();
    expect(write?.announce?.failed?.(error)).toBeUndefined();
  });
});
