import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "#api/generated/types";
import type { Stored } from "#api/object";
import { StatusError } from "#api/status";
import { describe, expect, test } from "vitest";
import { type Outcome, writesOf } from "../framework/plan.ts";
import { conditions, deployment, now, replicaSet, summary, view } from "./objects.testing.ts";
import { concludeDeployment, newReplicaSetName, planDeployment } from "./plan.ts";
import type { DeploymentView } from "./rollout.ts";

/**
 * Upstream's rules, one line each, named after the function of pkg/controller/deployment that has them. Names of ReplicaSets sort as
 * their ages do, unless a line says otherwise; `new` has the Deployment's template, all others have older ones.
 */

const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
  type: "RollingUpdate",
  rollingUpdate: { maxSurge, maxUnavailable },
});
const revision = (number: number) => ({ "deployment.kubernetes.io/revision": `${number}` });
const sized = (desired: number, max: number) => ({
  "deployment.kubernetes.io/desired-replicas": `${desired}`,
  "deployment.kubernetes.io/max-replicas": `${max}`,
});
const old = (name: string, replicas: number, more: Partial<Parameters<typeof replicaSet>[1]> = {}) =>
  replicaSet(name, { image: name, replicas, ...more });
const fresh = (replicas: number, more: Partial<Parameters<typeof replicaSet>[1]> = {}) =>
  replicaSet("new", { replicas, revision: 9, ...more });
const known = revision(9);

/** Of what is written to a ReplicaSet. */
function annotationsOf(planned: DeploymentView, name: string): Readonly<Record<string, string>> {
  const write = writesOf(planDeployment(planned).steps).find(
    (each) => each.type === "update" && each.object.metadata.name === name,
  ) as { object: Stored<ReplicaSet> } | undefined;
  return write?.object.metadata.annotations ?? {};
}

describe("proportional scaling", () => {
  const at = (name: string, replicas: number, desired: number, max: number, created: string) =>
    old(name, replicas, { annotations: sized(desired, max), created: `2026-01-01T00:00:${created}Z` });
  const newAt = (replicas: number, desired: number, max: number) =>
    fresh(replicas, { annotations: sized(desired, max), available: 0, created: "2026-01-01T00:00:59Z" });

  test.each<[string, number, [number | string, number | string], Stored<ReplicaSet>[], string[]]>([
    // scale, GetReplicaSetProportion, getReplicaSetFraction; the first four are the tables of TestScale.
    [
      "up of two equals gives the rest of the rounding to the newer",
      7,
      [2, 0],
      [at("a", 5, 10, 10, "01"), newAt(5, 10, 10)],
      ["a: 5 → 4", "new: 5 → 5"],
    ],
    [
      "up of one large and one small follows their sizes",
      12,
      [3, 2],
      [at("a", 8, 10, 13, "01"), newAt(5, 10, 13)],
      ["a: 8 → 9", "new: 5 → 6"],
    ],
    [
      "down takes the rest of the rounding from the older of equals",
      6,
      [0, 1],
      [at("a", 5, 10, 10, "01"), newAt(5, 10, 10)],
      ["a: 5 → 3", "new: 5 → 3"],
    ],
    ["to zero takes each its whole size", 0, [2, 0], [at("a", 5, 10, 12, "01"), newAt(7, 10, 12)], ["a: 5 → 0", "new: 7 → 0"]],
    [
      "rounds half away from nothing and takes back what is too much",
      5,
      [0, 1],
      [at("a", 3, 6, 6, "01"), at("b", 3, 6, 6, "02")],
      ["a: 3 → 2", "b: 3 → 3"],
    ],
    [
      "without an annotation compares with what the status counts",
      20,
      [0, 1],
      [old("a", 5, { annotations: { "deployment.kubernetes.io/max-replicas": "x" } }), newAt(5, 10, 10)],
      ["a: 5 → 10", "new: 5 → 10"],
    ],
    [
      "of three spreads over all of them",
      15,
      [3, 2],
      [at("a", 6, 10, 13, "01"), at("b", 3, 10, 13, "02"), newAt(4, 10, 13)],
      ["a: 6 → 8", "b: 3 → 4", "new: 4 → 6"],
    ],
    [
      "leaves those that are empty alone",
      10,
      [0, 1],
      [at("a", 0, 5, 5, "01"), at("b", 3, 5, 5, "02"), newAt(2, 5, 5)],
      ["b: 3 → 6", "new: 2 → 4"],
    ],
  ])("%s", (_rule, replicas, [surge, unavailable], sets, expected) => {
    const owner = deployment({ replicas, strategy: rolling(surge, unavailable) }, { replicas: 10 }, known);
    expect(
      summary(view(owner, sets))
        .filter((line) => line.includes("→"))
        .toSorted(),
    ).toEqual(expected);
  });

  test.each<[string, Deployment, Stored<ReplicaSet>[], string[]]>([
    // FindActiveOrLatest
    ["goes to the only active one, be it old", deployment({ replicas: 5 }, {}, known), [old("a", 3), fresh(0)], ["a: 3 → 5"]],
    [
      "empties the old ones when the new one is saturated (IsSaturated)",
      deployment({ replicas: 5 }, {}, known),
      [old("a", 1), fresh(5, { annotations: sized(5, 7) })],
      ["a: 1 → 0"],
    ],
    [
      "is none when only an empty one remembers another size (isScalingEvent)",
      deployment({ replicas: 4, strategy: rolling(0, 1) }, {}, known),
      [old("a", 0), fresh(4, { annotations: sized(4, 4) })],
      [],
    ],
    [
      "is none when an annotation cannot be read (isScalingEvent)",
      deployment({ replicas: 5, strategy: rolling(1, 0) }, {}, known),
      [fresh(5, { annotations: { "deployment.kubernetes.io/desired-replicas": "many" } })],
      [],
    ],
  ])("%s", (_rule, owner, sets, expected) => {
    expect(summary(view(owner as Stored<Deployment>, sets))).toEqual(expected);
  });

  test("writes the new sizes also where the number stays (scaleReplicaSet)", () => {
    const sets = [at("a", 5, 10, 10, "01"), newAt(5, 10, 10)];
    const planned = view(deployment({ replicas: 7, strategy: rolling(2, 0) }, {}, known), sets);
    expect(annotationsOf(planned, "new")).toMatchObject(sized(7, 9));
  });
});

describe("a rolling update", () => {
  test.each<[string, number, [number | string, number | string], Stored<ReplicaSet>[], string[]]>([
    // NewRSNewReplicas
    ["grows no further than the wanted number, whatever room there is", 3, [5, 0], [old("a", 1), fresh(2)], ["new: 2 → 3"]],
    ["shrinks a new one that is too large at once", 3, [1, 0], [old("a", 1), fresh(5)], ["new: 5 → 3"]],
    [
      "shrinks nothing old in the pass that grows the new one (rolloutRolling)",
      4,
      [2, 2],
      [old("a", 4), fresh(0)],
      ["new: 0 → 2"],
    ],
    // reconcileOldReplicaSets
    [
      "does not let pods that are not available push out those that are",
      10,
      [2, 2],
      [old("a", 8), fresh(4, { available: 0 })],
      [],
    ],
    ["counts them once they are", 10, [2, 2], [old("a", 8), fresh(4, { available: 2 })], ["a: 8 → 6"]],
    // cleanupUnhealthyReplicas
    [
      "takes broken old pods first, oldest ReplicaSet first, as many as may go",
      10,
      [3, 2],
      [
        old("a", 3, { available: 2, created: "2026-01-01T00:00:01Z" }),
        old("b", 8, { available: 4, created: "2026-01-01T00:00:02Z" }),
        fresh(2, { available: 2, created: "2026-01-01T00:00:03Z" }),
      ],
      ["a: 3 → 2", "b: 8 → 4"],
    ],
    // scaleDownOldReplicaSetsForRollingUpdate
    [
      "takes what is above the minimum from the oldest",
      10,
      [1, 2],
      [
        old("a", 5, { created: "2026-01-01T00:00:01Z" }),
        old("b", 5, { created: "2026-01-01T00:00:02Z" }),
        fresh(1, { created: "2026-01-01T00:00:03Z" }),
      ],
      ["a: 5 → 2"],
    ],
    // FindNewReplicaSet
    [
      "knows the oldest of two with its template as the new one",
      3,
      [1, 0],
      [replicaSet("twin", { replicas: 1, created: "2026-01-01T00:00:02Z" }), fresh(2, { created: "2026-01-01T00:00:01Z" })],
      ["new: 2 → 3"],
    ],
  ])("%s", (_rule, replicas, [surge, unavailable], sets, expected) => {
    const annotations = { "deployment.kubernetes.io/desired-replicas": `${replicas}` };
    const same = sets.map((set) => ({
      ...set,
      metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, ...annotations } },
    }));
    const owner = deployment({ replicas, strategy: rolling(surge, unavailable) }, {}, known);
    expect(summary(view(owner, same))).toEqual(expected);
  });
});

describe("Recreate", () => {
  const owner = deployment({ strategy: { type: "Recreate" } }, {}, known);
  const pod = (phase: string) => ({ metadata: {}, status: { phase } });
  const empty = old("a", 0, { status: { replicas: 0 } });

  test.each<[string, Stored<ReplicaSet>[], [string, string][], string[]]>([
    ["empties what is old before anything else (scaleDownOldReplicaSetsForRecreate)", [old("a", 2), fresh(0)], [], ["a: 2 → 0"]],
    [
      "waits while an old ReplicaSet still counts pods (oldPodsRunning)",
      [old("a", 0, { status: { replicas: 1 } }), fresh(0)],
      [],
      [],
    ],
    ["waits for an old pod that runs (oldPodsRunning)", [empty, fresh(0)], [["a", "Running"]], []],
    ["waits for an old pod that nobody knows of (oldPodsRunning)", [empty, fresh(0)], [["a", "Unknown"]], []],
    [
      "does not wait for those that ended (oldPodsRunning)",
      [empty, fresh(0)],
      [
        ["a", "Succeeded"],
        ["a", "Failed"],
      ],
      ["new: 0 → 3"],
    ],
    ["does not wait for its own (oldPodsRunning)", [empty, fresh(0)], [["new", "Running"]], ["new: 0 → 3"]],
  ])("%s", (_rule, sets, pods, expected) => {
    const byOwner = new Map(
      ["a", "new"].map((name) => [name, pods.filter(([of]) => of === name).map(([, phase]) => pod(phase))]),
    );
    expect(summary(view(owner, sets, { pods: byOwner }))).toEqual(expected);
  });
});

describe("revisions and what is copied", () => {
  test.each<
    [string, Readonly<Record<string, string>>, Readonly<Record<string, string>>, Readonly<Record<string, string | undefined>>]
  >([
    // SetNewReplicaSetAnnotations, copyDeploymentAnnotationsToReplicaSet
    [
      "a rollback keeps the revision that it had in the history",
      {},
      { ...revision(2) },
      { "deployment.kubernetes.io/revision": "8", "deployment.kubernetes.io/revision-history": "2" },
    ],
    [
      "another rollback is added behind",
      {},
      { ...revision(2), "deployment.kubernetes.io/revision-history": "1" },
      { "deployment.kubernetes.io/revision-history": "1,2" },
    ],
    [
      "a history that grew too long loses its oldest",
      {},
      { ...revision(6), "deployment.kubernetes.io/revision-history": `1,${"2".repeat(1999)},3` },
      { "deployment.kubernetes.io/revision-history": "3,6" },
    ],
    [
      "a revision that is the highest already stays",
      {},
      { ...revision(12) },
      { "deployment.kubernetes.io/revision": "12", "deployment.kubernetes.io/revision-history": undefined },
    ],
    [
      "a revision that is no number is somebody else's",
      { note: "x" },
      { "deployment.kubernetes.io/revision": "mine" },
      { "deployment.kubernetes.io/revision": "mine", note: "x" },
    ],
    [
      "the Deployment's annotations are copied, those removed from it stay",
      { note: "new" },
      { ...revision(9), note: "old", other: "kept" },
      { note: "new", other: "kept" },
    ],
    [
      "what is the Deployment's own is not copied",
      {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "deprecated.deployment.rollback.to": "1",
        "deployment.kubernetes.io/max-replicas": "77",
        note: "x",
      },
      { ...revision(9) },
      {
        "kubectl.kubernetes.io/last-applied-configuration": undefined,
        "deprecated.deployment.rollback.to": undefined,
        "deployment.kubernetes.io/max-replicas": "4",
      },
    ],
  ])("%s", (_rule, own, existing, expected) => {
    const sets = [old("a", 0, { revision: 7 }), fresh(3, { annotations: existing })];
    const planned = view(deployment({ paused: false, minReadySeconds: 5 }, {}, own), sets);
    const annotations = annotationsOf(planned, "new");
    for (const [key, value] of Object.entries(expected)) expect(annotations[key]).toBe(value);
  });

  test("the Deployment shows the revision of its ReplicaSet, written with the status (SetDeploymentRevision)", () => {
    const [write] = writesOf(planDeployment(view(deployment({}, {}, revision(1)), [fresh(3)])).steps);
    expect(write).toMatchObject({
      type: "patch",
      subresource: "status",
      patch: { patch: { metadata: { annotations: revision(9) } } },
    });
  });

  test("minReadySeconds of the current ReplicaSet follow, those of old ones do not (getNewReplicaSet)", () => {
    const planned = view(deployment({ minReadySeconds: 7 }, {}, known), [old("a", 0), fresh(3)]);
    const writes = writesOf(planDeployment(planned).steps);
    expect(writes).toMatchObject([{ type: "update", object: { metadata: { name: "new" }, spec: { minReadySeconds: 7 } } }]);
  });

  test.each<[string, Partial<Deployment["spec"]>, Stored<ReplicaSet>[], string[]]>([
    // cleanupDeployment
    ["without a limit nothing is cleaned up", { revisionHistoryLimit: 2 ** 31 - 1 }, [old("a", 0), old("b", 0)], []],
    [
      "what still runs, or has not heard of its size, stays",
      { revisionHistoryLimit: 0 },
      [
        old("a", 0, { status: { replicas: 1 } }),
        old("b", 0, { status: { replicas: 0, observedGeneration: 0 } }),
        old("c", 0, { status: { replicas: 0 } }),
      ],
      ["delete c"],
    ],
    [
      "the oldest revisions go first, of equal ones the oldest",
      { revisionHistoryLimit: 1 },
      [old("a", 0, { revision: 5 }), old("b", 0, { revision: 3, created: "2026-01-01T00:00:09Z" }), old("c", 0, { revision: 3 })],
      ["delete c", "delete b"],
    ],
    ["also of one that is paused (sync)", { revisionHistoryLimit: 0, paused: true }, [old("a", 0)], ["delete a"]],
  ])("%s", (_rule, spec, sets, expected) => {
    const complete = { replicas: 3, updatedReplicas: 3, availableReplicas: 3, observedGeneration: 2 };
    expect(summary(view(deployment(spec ?? {}, complete, known), [...sets, fresh(3)]))).toEqual(expected);
  });
});

describe("conditions and counts", () => {
  const ago = (minutes: number) => new Date(now - minutes * 60_000).toISOString().replace(".000", "");
  const progressing = (reason: string, minutes: number, status = "True"): DeploymentCondition => ({
    type: "Progressing",
    status,
    reason,
    lastUpdateTime: ago(minutes),
    lastTransitionTime: ago(minutes),
  });
  const halfway = [old("a", 2), fresh(1, { available: 0 })];
  const counts = { replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2 };

  test.each<[string, Partial<Deployment["spec"]>, DeploymentCondition[], DeploymentStatus, string]>([
    // syncRolloutStatus, checkPausedConditions, DeploymentTimedOut
    [
      "lack of progress shows after the deadline",
      {},
      [progressing("ReplicaSetUpdated", 11)],
      counts,
      "False ProgressDeadlineExceeded",
    ],
    ["and not before", {}, [progressing("ReplicaSetUpdated", 9)], counts, "True ReplicaSetUpdated"],
    [
      "a rollout that moves is renewed",
      {},
      [progressing("ReplicaSetUpdated", 11)],
      { ...counts, updatedReplicas: 0, replicas: 2 },
      "True ReplicaSetUpdated",
    ],
    [
      "one that was resumed has its whole deadline before it, however long it was paused",
      {},
      [progressing("DeploymentPaused", 900, "Unknown")],
      counts,
      "Unknown DeploymentResumed",
    ],
    [
      "pausing does not hide that the deadline was missed",
      { paused: true },
      [progressing("ProgressDeadlineExceeded", 2, "False")],
      counts,
      "False ProgressDeadlineExceeded",
    ],
    [
      "one that was complete cannot miss its deadline later",
      {},
      [progressing("NewReplicaSetAvailable", 900)],
      { ...counts, updatedReplicas: 1 },
      "True NewReplicaSetAvailable",
    ],
    ["one that nobody looked at yet is found", {}, [], counts, "True FoundNewReplicaSet"],
    ["one that is scaled is found, too", { replicas: 8 }, [], counts, "True FoundNewReplicaSet"],
  ])("%s", (_rule, spec, before, status, expected) => {
    const owner = deployment({ strategy: rolling(0, 1), ...spec }, { ...status, conditions: before }, known);
    expect(conditions(view(owner, halfway), [])["Progressing"]?.split(":")[0]).toBe(expected);
  });

  test.each<[string, Partial<Deployment["spec"]>, DeploymentCondition, number | undefined]>([
    // requeueStuckDeployment
    ["a second after the deadline it is looked at again", {}, progressing("ReplicaSetUpdated", 4), 361_000],
    ["not while it is paused", { paused: true }, progressing("DeploymentPaused", 40, "Unknown"), undefined],
    ["not when it has missed its deadline", {}, progressing("ProgressDeadlineExceeded", 40, "False"), undefined],
    ["not when it was complete before", {}, progressing("NewReplicaSetAvailable", 40), undefined],
    ["not without a deadline", { progressDeadlineSeconds: 2 ** 31 - 1 }, progressing("ReplicaSetUpdated", 4), undefined],
  ])("%s", (_rule, spec, condition, expected) => {
    const owner = deployment(spec ?? {}, { ...counts, conditions: [condition] }, known);
    expect(planDeployment(view(owner, halfway)).requeueAfterMs).toBe(expected);
  });

  test("a failure of a ReplicaSet is told with its own times, the new one's first (getReplicaFailures)", () => {
    const failure = (message: string, minutes: number) => ({
      conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message, lastTransitionTime: ago(minutes) }],
    });
    const sets = [old("a", 2, { status: failure("old", 3) }), fresh(1, { available: 0, status: failure("no quota", 5) })];
    const status = concludeDeployment(view(deployment({}, counts, known), sets), []).status as DeploymentStatus;
    expect(status.conditions?.find(({ type }) => type === "ReplicaFailure")).toEqual({
      type: "ReplicaFailure",
      status: "True",
      reason: "FailedCreate",
      message: "no quota",
      lastUpdateTime: ago(5),
      lastTransitionTime: ago(5),
    });
  });

  test("pods on their way out are counted once every ReplicaSet says how many (GetTerminatingReplicaCountForReplicaSets)", () => {
    const counted = (sets: Stored<ReplicaSet>[]) =>
      (concludeDeployment(view(deployment(), sets), []).status as DeploymentStatus).terminatingReplicas;
    expect(counted([])).toBe(0);
    expect(counted([old("a", 1, { status: { terminatingReplicas: 2 } }), fresh(1, { status: { terminatingReplicas: 1 } })])).toBe(
      3,
    );
    expect(counted([old("a", 1, { status: { terminatingReplicas: 2 } }), fresh(1)])).toBeUndefined();
  });

  test.each<[string, StatusError, boolean]>([
    // getNewReplicaSet
    ["that a ReplicaSet cannot be made is told", new StatusError("Forbidden", "exceeded quota"), true],
    ["that its name is taken is not", new StatusError("AlreadyExists", "it is there"), false],
    [
      "nor that its namespace is going",
      new StatusError("Forbidden", "terminating", { causes: [{ reason: "NamespaceTerminating" }] }),
      false,
    ],
  ])("%s", (_rule, error, isTold) => {
    const planned = view(deployment(), []);
    const [write] = writesOf(planDeployment(planned).steps);
    const failed: Outcome = { type: "failed", write: write!, error };
    const message = `Failed to create new replica set "${newReplicaSetName(planned)}": ${error.message}`;
    const notice = { type: "Warning", reason: "ReplicaSetCreateError", message };
    expect(write?.announce?.failed?.(error)).toEqual(isTold ? notice : undefined);
    expect(conditions(planned, [failed])["Progressing"]).toBe(isTold ? `False ReplicaSetCreateError: ${message}` : undefined);
  });
});

describe("a Deployment that is going, or takes all", () => {
  test("is only counted while it is being deleted (syncStatusOnly)", () => {
    const owner = deployment();
    const going = { ...owner, metadata: { ...owner.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
    const planned = view(going, [old("a", 2), replicaSet("orphan", { replicas: 1, owned: false })]);
    expect(summary(planned)).toEqual([]);
    expect(concludeDeployment(planned, []).status).toMatchObject({ replicas: 2, observedGeneration: 2 });
  });

  test("is left alone with an empty selector, but for what it was seen at (syncDeployment)", () => {
    const planned = view(deployment({ selector: {} }), [replicaSet("orphan", { replicas: 1, owned: false })]);
    expect(planDeployment(planned).steps).toMatchObject([
      { type: "announce", notice: { type: "Warning", reason: "SelectingAll" } },
    ]);
    expect(concludeDeployment(planned, []).status).toEqual({ observedGeneration: 2 });
  });
});
