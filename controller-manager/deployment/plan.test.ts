import type { DeploymentCondition, DeploymentStatus, ReplicaSet } from "#api/generated/types";
import type { Stored } from "#api/object";
import { StatusError } from "#api/status";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Outcome, type Write, writesOf } from "../framework/plan.ts";
import { maxSurge, maxUnavailable } from "./limits.ts";
import { conditions, deployment, now, replicaSet, type SetOptions, summary, view } from "./objects.testing.ts";
import { concludeDeployment, newReplicaSetName, planDeployment } from "./plan.ts";

const current = { "deployment.kubernetes.io/revision": "2" };

describe("a rolling update", () => {
  test("begins with a ReplicaSet that carries hash, revision, sizes and owner", () => {
    const planned = view(deployment({}, {}, { note: "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}" }), []);
    const [write] = writesOf(planDeployment(planned).steps);
    const created = (write as Extract<Write, { type: "create" }>).object as ReplicaSet;
    const hash = created.metadata.labels?.["pod-template-hash"] ?? "";
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
    expect(created.metadata).toMatchObject({
      name: `web-${hash}`,
      annotations: {
        note: "kept",
        "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
      },
      ownerReferences: [{ kind: "Deployment", uid: "d", controller: true, blockOwnerDeletion: true }],
    });
    expect(created.metadata.annotations).not.toHaveProperty(["kubectl.kubernetes.io/last-applied-configuration"]);
    expect(created.spec).toMatchObject({
      replicas: 3,
      selector: { matchLabels: { app: "web", "pod-template-hash": hash } },
      template: { metadata: { labels: { app: "web", "pod-template-hash": hash } } },
    });
    expect(write?.announce?.done?.(created)).toEqual({
      type: "Normal",
      reason: "ScalingReplicaSet",
      message: `Scaled up replica set web-${hash} from 0 to 3`,
    });
  });

  // 3 replicas, maxSurge 25% (up: 1), maxUnavailable 25% (down: 0).
  test.each<[string, SetOptions, SetOptions | undefined, string[]]>([
    ["makes the new one as far as the surge allows", { image: "v1", replicas: 3 }, undefined, ["create 1"]],
    ["waits while the new pod is not available", { image: "v1", replicas: 3 }, { replicas: 1, available: 0, revision: 2 }, []],
    [
      "shrinks the old one by what the new one has available",
      { image: "v1", replicas: 3 },
      { replicas: 1, revision: 2 },
      ["old: 3 → 2"],
    ],
    ["grows the new one into the room", { image: "v1", replicas: 2 }, { replicas: 1, revision: 2 }, ["new: 1 → 2"]],
    ["ends with the old one at nothing", { image: "v1", replicas: 1 }, { replicas: 3, revision: 2 }, ["old: 1 → 0"]],
    [
      "keeps the old ones, broken as they are, while the new one is no better",
      { image: "v1", replicas: 3, available: 0 },
      { replicas: 1, available: 0, revision: 2 },
      [],
    ],
  ])("%s", (_title, old, fresh, expected) => {
    const sets = [replicaSet("old", old), ...(fresh === undefined ? [] : [replicaSet("new", fresh)])];
    expect(summary(view(deployment({}, {}, fresh && current), sets))).toEqual(expected);
  });

  test("cleans up old pods that do not work before those that do", () => {
    const owner = deployment(
      { replicas: 10, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } },
      {},
      { ...current, "deployment.kubernetes.io/revision": "3" },
    );
    const annotations = { "deployment.kubernetes.io/desired-replicas": "10" };
    const sets = [
      replicaSet("a", { image: "v0", replicas: 4, available: 1, annotations, created: "2026-01-01T00:00:01Z" }),
      replicaSet("b", { image: "v1", replicas: 6, available: 6, annotations, created: "2026-01-01T00:00:02Z", revision: 2 }),
      replicaSet("new", { replicas: 3, available: 3, annotations, created: "2026-01-01T00:00:03Z", revision: 3 }),
    ];
    // 13 pods, 8 must stay; 3 broken ones go, and of the 10 that work the 2 above the minimum.
    expect(summary(view(owner, sets))).toEqual(["a: 4 → 0", "b: 6 → 5"]);
  });

  test("moves by one when both percentages round to nothing", () => {
    const owner = deployment(
      { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: "10%" } } },
      {},
      current,
    );
    expect([maxSurge(owner), maxUnavailable(owner)]).toEqual([0, 1]);
    const sets = [replicaSet("old", { image: "v1", replicas: 3 }), replicaSet("new", { replicas: 0, revision: 2 })];
    expect(summary(view(owner, sets))).toEqual(["old: 3 → 2"]);
  });

  test("rolls back to a ReplicaSet that it has, which gets a new revision and keeps the old one in its history", () => {
    const sets = [replicaSet("old", { image: "v1", replicas: 3, revision: 2 }), replicaSet("new", { replicas: 0, revision: 1 })];
    const [write] = writesOf(planDeployment(view(deployment({}, {}, current), sets)).steps);
    expect((write as { object: ReplicaSet }).object.metadata.annotations).toMatchObject({
      "deployment.kubernetes.io/revision": "3",
      "deployment.kubernetes.io/revision-history": "1",
    });
  });
});

describe("a change of the number of replicas", () => {
  test("goes to the only active ReplicaSet", () => {
    const owner = deployment({ replicas: 5 }, {}, current);
    expect(summary(view(owner, [replicaSet("new", { replicas: 3, revision: 2 })]))).toEqual(["new: 3 → 5"]);
  });

  test("is shared in proportion in the middle of a rollout", () => {
    // The example of upstream's documentation: 10 replicas, maxSurge 3, maxUnavailable 2, scaled to 15 while at 8 old and 5 new.
    const owner = deployment(
      { replicas: 15, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } },
      {},
      current,
    );
    const annotations = { "deployment.kubernetes.io/desired-replicas": "10", "deployment.kubernetes.io/max-replicas": "13" };
    const sets = [
      replicaSet("old", { image: "v1", replicas: 8, annotations }),
      replicaSet("new", { replicas: 5, available: 0, annotations, revision: 2 }),
    ];
    expect(summary(view(owner, sets)).toSorted()).toEqual(["new: 5 → 7", "old: 8 → 11"]);
  });

  test("to zero empties all", () => {
    const sets = [replicaSet("old", { image: "v1", replicas: 2 }), replicaSet("new", { replicas: 2, revision: 2 })];
    expect(summary(view(deployment({ replicas: 0 }, {}, current), sets)).toSorted()).toEqual(["new: 2 → 0", "old: 2 → 0"]);
  });

  test("is not mistaken for one again once the ReplicaSets know of it", () => {
    const annotations = { "deployment.kubernetes.io/desired-replicas": "5", "deployment.kubernetes.io/max-replicas": "7" };
    const sets = [replicaSet("new", { replicas: 5, annotations, revision: 2 })];
    expect(summary(view(deployment({ replicas: 5 }, {}, current), sets))).toEqual([]);
  });
});

describe("a paused Deployment", () => {
  test("is scaled, but neither begins nor continues a rollout", () => {
    const paused = deployment({ paused: true, replicas: 4 }, {}, { "deployment.kubernetes.io/revision": "1" });
    expect(summary(view(paused, [replicaSet("old", { image: "v1", replicas: 3 })]))).toEqual(["old: 3 → 4"]);
    const keepsNone = deployment({ paused: true, replicas: 4, revisionHistoryLimit: 0 });
    const [empty, other] = [replicaSet("old", { image: "v1", replicas: 0 }), replicaSet("older", { image: "v0", replicas: 0 })];
    // What grows is no history, although it was empty when the pass began.
    expect(summary(view(keepsNone, [empty]))).toEqual(["old: 0 → 4"]);
    expect(summary(view(keepsNone, [empty, other]))).toEqual(["older: 0 → 4", "delete old"]);
  });

  test("says so, and says when it is resumed", () => {
    const sets = [replicaSet("old", { image: "v1", replicas: 3 })];
    const paused = view(deployment({ paused: true }), sets);
    expect(conditions(paused)["Progressing"]).toBe("Unknown DeploymentPaused: Deployment is paused");
    const status = concludeDeployment(paused, []).status as DeploymentStatus;
    const resumed = concludeDeployment(view(deployment({ progressDeadlineSeconds: 600 }, status), sets), [])
      .status as DeploymentStatus;
    expect(resumed.conditions?.find(({ type }) => type === "Progressing")?.reason).toBe("DeploymentResumed");
  });
});

describe("Recreate", () => {
  const owner = deployment({ strategy: { type: "Recreate" } });
  test("empties the old ReplicaSets first", () => {
    expect(summary(view(owner, [replicaSet("old", { image: "v1", replicas: 3 })]))).toEqual(["old: 3 → 0"]);
  });

  test("waits for the last old pod to be gone", () => {
    const old = replicaSet("old", { image: "v1", replicas: 0, status: { replicas: 0 } });
    const dying = { metadata: {}, status: { phase: "Running" } };
    expect(summary(view(owner, [old], { pods: new Map([["old", [dying]]]) }))).toEqual([]);
    const finished = { metadata: {}, status: { phase: "Succeeded" } };
    expect(summary(view(owner, [old], { pods: new Map([["old", [finished]]]) }))).toEqual(["create 3"]);
  });

  test("waits for an old ReplicaSet that may be making pods still: it has not said that it knows its new size", () => {
    const unaware = replicaSet("old", { image: "v1", replicas: 0, status: { observedGeneration: 0 } });
    expect(summary(view(owner, [unaware]))).toEqual([]);
  });
});

describe("ownership", () => {
  test("an orphan that is selected is adopted before anything else happens", () => {
    const orphan = replicaSet("orphan", { replicas: 3, owned: false });
    const [write] = writesOf(planDeployment(view(deployment(), [orphan])).steps);
    expect(write).toMatchObject({
      type: "patch",
      patch: { patch: { metadata: { resourceVersion: "1", ownerReferences: [{ uid: "d", controller: true }] } } },
    });
    expect(summary(view(deployment(), [orphan], { canAdopt: false }))).toEqual(["create 3"]);
  });

  test("a ReplicaSet that is no longer selected is released", () => {
    const owner = deployment({ selector: { matchLabels: { app: "other" } } });
    const [write] = writesOf(planDeployment(view(owner, [replicaSet("old", { replicas: 1 })])).steps);
    expect(write).toMatchObject({ type: "patch", patch: { patch: { metadata: { ownerReferences: [] } } } });
  });

  test("a name that is taken by another leads to another name", () => {
    const owner = deployment();
    const taken = view(owner, [], {
      nameTakenBy: replicaSet(newReplicaSetName({ deployment: owner }), { replicas: 1, owned: false, image: "v9" }),
    });
    expect(summary(taken)).toEqual([]);
    const status = concludeDeployment(taken, []).status as DeploymentStatus;
    expect(status.collisionCount).toBe(1);
    expect(newReplicaSetName({ deployment: { ...owner, status } })).not.toBe(newReplicaSetName({ deployment: owner }));
  });
});

test("old ReplicaSets beyond the history limit are deleted, oldest revision first, once the rollout is complete", () => {
  const complete = { replicas: 3, updatedReplicas: 3, availableReplicas: 3, observedGeneration: 2 };
  const owner = deployment({ revisionHistoryLimit: 1 }, complete, { "deployment.kubernetes.io/revision": "9" });
  const old = (name: string, revision: number, replicas = 0) =>
    replicaSet(name, { image: name, replicas, revision, status: { replicas } });
  const sets = [old("c", 5), old("a", 2), old("b", 4), replicaSet("new", { replicas: 3, revision: 9 })];
  expect(summary(view(owner, sets))).toEqual(["delete a", "delete b"]);
  expect(summary(view({ ...owner, status: { ...complete, updatedReplicas: 2 } }, sets))).toEqual([]);
});

describe("conditions", () => {
  const progressing = (reason: string, minutesAgo: number): readonly DeploymentCondition[] => {
    const time = new Date(now - minutesAgo * 60_000).toISOString().replace(".000", "");
    return [{ type: "Progressing", status: "True", reason, lastUpdateTime: time, lastTransitionTime: time }];
  };

  test("of a new rollout", () => {
    const planned = view(deployment(), []);
    const name = newReplicaSetName(planned);
    expect(conditions(planned)).toEqual({
      Available: "False MinimumReplicasUnavailable: Deployment does not have minimum availability.",
      Progressing: `True NewReplicaSetCreated: Created new replica set "${name}"`,
    });
    const [write] = writesOf(planDeployment(planned).steps);
    const failed: Outcome = { type: "failed", write: write!, error: new StatusError("Forbidden", "exceeded quota") };
    expect(conditions(planned, [failed])["Progressing"]).toBe(
      `False ReplicaSetCreateError: Failed to create new replica set "${name}": exceeded quota`,
    );
  });

  test("of one that moves, and of one that is complete", () => {
    const status = {
      replicas: 3,
      updatedReplicas: 0,
      readyReplicas: 3,
      availableReplicas: 3,
      conditions: progressing("NewReplicaSetCreated", 1),
    };
    const moving = view(deployment({}, status, current), [
      replicaSet("old", { image: "v1", replicas: 3 }),
      replicaSet("new", { replicas: 1, available: 0, revision: 2 }),
    ]);
    expect(conditions(moving)["Progressing"]).toBe('True ReplicaSetUpdated: ReplicaSet "new" is progressing.');
    const complete = view(deployment({}, status, current), [replicaSet("new", { replicas: 3, revision: 2 })]);
    expect(conditions(complete)).toEqual({
      Available: "True MinimumReplicasAvailable: Deployment has minimum availability.",
      Progressing: 'True NewReplicaSetAvailable: ReplicaSet "new" has successfully progressed.',
    });
  });

  test("of one that is stuck, after its deadline and not before", () => {
    const sets = [replicaSet("old", { image: "v1", replicas: 3 }), replicaSet("new", { replicas: 1, available: 0, revision: 2 })];
    const counts = { replicas: 4, updatedReplicas: 1, readyReplicas: 3, availableReplicas: 3 };
    const waiting = view(deployment({}, { ...counts, conditions: progressing("ReplicaSetUpdated", 4) }, current), sets);
    expect(conditions(waiting)["Progressing"]).toBe("True ReplicaSetUpdated: ");
    expect(planDeployment(waiting).requeueAfterMs).toBe(6 * 60_000 + 1000);
    const stuck = view(deployment({}, { ...counts, conditions: progressing("ReplicaSetUpdated", 11) }, current), sets);
    expect(conditions(stuck)["Progressing"]).toBe('False ProgressDeadlineExceeded: ReplicaSet "new" has timed out progressing.');
  });

  test("of one without a deadline never tell of progress", () => {
    const { progressDeadlineSeconds: _none, ...spec } = deployment().spec!;
    const owner = { ...deployment(), spec };
    expect(conditions(view(owner, []))).not.toHaveProperty("Progressing");
  });

  test("repeat what keeps pods from being made", () => {
    const failure = { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "no quota" };
    const sets = [replicaSet("new", { replicas: 3, available: 0, revision: 2, status: { conditions: [failure] } })];
    expect(conditions(view(deployment({}, {}, current), sets))["ReplicaFailure"]).toBe("True FailedCreate: no quota");
  });
});

describe("safety of a rollout, whatever happens to pods", () => {
  const shape = fc.record({
    replicas: fc.integer({ min: 0, max: 12 }),
    surge: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom("0%", "10%", "25%", "50%", "100%")),
    unavailable: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom("0%", "10%", "25%", "50%", "100%")),
    /** For each turn: which ReplicaSet's status catches up, and by how much its pods become available. */
    turns: fc.array(fc.record({ which: fc.nat(1), available: fc.nat(4) }), { maxLength: 60 }),
  });

  test("never more pods than replicas + maxSurge, never fewer available than replicas − maxUnavailable, and it ends", () => {
    fc.assert(
      fc.property(shape, ({ replicas, surge, unavailable, turns }) => {
        const owner = deployment(
          { replicas, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } } },
          {},
          current,
        );
        const annotations = { "deployment.kubernetes.io/desired-replicas": `${replicas}` };
        const world = new Map([
          ["old", replicaSet("old", { image: "v1", replicas, annotations })],
          ["new", replicaSet("new", { replicas: 0, revision: 2, annotations, created: "2026-01-01T00:30:00Z" })],
        ]);
        // What really runs, as opposed to what the statuses say.
        const available = new Map([
          ["old", replicas],
          ["new", 0],
        ]);
        const pass = () => {
          for (const write of writesOf(planDeployment(view(owner, [...world.values()])).steps)) {
            if (write.type !== "update") continue;
            const set = write.object as Stored<ReplicaSet>;
            world.set(set.metadata.name, set);
            available.set(set.metadata.name, Math.min(available.get(set.metadata.name)!, set.spec!.replicas!));
          }
          const total = [...world.values()].reduce((sum, set) => sum + set.spec!.replicas!, 0);
          const working = [...available.values()].reduce((sum, count) => sum + count, 0);
          expect(total).toBeLessThanOrEqual(replicas + maxSurge(owner));
          expect(working).toBeGreaterThanOrEqual(replicas - maxUnavailable(owner));
        };
        const catchUp = (name: string, more: number) => {
          const set = world.get(name)!;
          const works = Math.min(set.spec!.replicas!, available.get(name)! + more);
          available.set(name, works);
          world.set(name, { ...set, status: { replicas: set.spec!.replicas!, availableReplicas: works } });
        };
        for (const { which, available: more } of turns) {
          pass();
          catchUp(which === 0 ? "old" : "new", more);
        }
        for (let turn = 0; turn < 4 * replicas + 4; turn++) {
          pass();
          catchUp("old", 0);
          catchUp("new", replicas);
        }
        expect(world.get("new")!.spec!.replicas).toBe(replicas);
        expect(world.get("old")!.spec!.replicas).toBe(0);
      }),
    );
  });
});
