import { afterEach, describe, expect, test, vi } from "vitest";
import { serviceAccountKey } from "./seeds.testing.ts";

/** A part with one thing wrong in it, and the rule that has to notice. Each in a module of its own. */
interface Mistake {
  readonly what: string;
  readonly module: string;
  /** Given the exports of the right one, those that are wrong. */
  readonly wrong: (right: never) => object;
  readonly caughtBy: string;
}

type Right<Name extends string> = Readonly<Record<Name, (...args: never[]) => unknown>>;
interface Class {
  readonly prototype: Record<string, (...args: never[]) => unknown>;
}

interface Watching {
  watch(...request: unknown[]): AsyncIterable<{ type: string }>;
}

const mistakes: readonly Mistake[] = [
  {
    what: "a rollout takes from the old ReplicaSets whatever there is",
    module: "#controller-manager/deployment/sizes",
    wrong: ({ removeOld }: Right<"removeOld">) => ({ shrinkOld: removeOld }),
    caughtBy: "never fewer than replicas − maxUnavailable available",
  },
  {
    what: "a rollout makes all new pods at once",
    module: "#controller-manager/deployment/limits",
    wrong: () => ({ maxSurge: () => 100 }),
    caughtBy: "never more than replicas + maxSurge",
  },
  {
    what: "a controller plans from a view without its own writes",
    module: "#controller-manager/framework/staleness",
    wrong: ({ Staleness }: { Staleness: Class }) => {
      Staleness.prototype["hold"] = () => false;
      return { Staleness };
    },
    caughtBy: "a ReplicaSet makes no more pods than it has replicas",
  },
  {
    what: "a ReplicaSet takes its best pods first",
    module: "#controller-manager/replicaset/victims",
    wrong: () => ({
      chooseVictims: (
        pods: readonly { status?: { conditions?: readonly { type: string; status: string }[] } }[],
        count: number,
      ) => pods.toSorted((left, right) => readiness(right) - readiness(left)).slice(0, count),
    }),
    caughtBy: "pods that are not ready go first",
  },
  {
    what: "the scheduler forgets a pod between its decision and the binding",
    module: "#scheduler/snapshot",
    wrong: ({ ClusterState }: { ClusterState: Class }) => {
      const right = ClusterState.prototype["setPod"];
      ClusterState.prototype["setPod"] = function (this: unknown, pod: never, node: never) {
        // What the scheduler decided has no node of its own yet; what the informer shows has.
        if ("spec" in (pod as object)) right?.call(this, pod, node);
      };
      return { ClusterState };
    },
    caughtBy: "no node is over its allocatable",
  },
  {
    what: "the scheduler does not count resources",
    module: "#scheduler/plugins/node-resources-fit",
    wrong: ({ nodeResourcesFit }: { nodeResourcesFit: object }) => ({
      nodeResourcesFit: { ...nodeResourcesFit, prepare: () => undefined },
    }),
    caughtBy: "no node is over its allocatable",
  },
  {
    what: "the scheduler overlooks the taints of nodes",
    module: "#scheduler/plugins/taint-toleration",
    wrong: ({ taintToleration }: { taintToleration: object }) => ({
      taintToleration: { ...taintToleration, prepare: () => undefined },
    }),
    caughtBy: "a pod is bound where it fits",
  },
  {
    what: "one owner that is gone is enough to be collected",
    module: "#controller-manager/garbage-collector/plan",
    wrong: ({ planGarbage }: Right<"planGarbage">) => ({
      planGarbage: (view: { owners: readonly { state: string }[] }) => {
        const gone = view.owners.filter(({ state }) => state === "absent");
        return planGarbage({ ...view, owners: gone.length > 0 ? gone : view.owners } as never);
      },
    }),
    caughtBy: "nothing with a live owner is collected",
  },
  {
    what: "who waits for its dependents waits for none",
    module: "#controller-manager/garbage-collector/owner-graph",
    wrong: ({ OwnerGraph }: { OwnerGraph: Class }) => {
      OwnerGraph.prototype["dependentsOf"] = () => [];
      return { OwnerGraph };
    },
    caughtBy: "who waits for its dependents goes last",
  },
  {
    what: "pods are driven from a node as soon as it is silent",
    module: "#controller-manager/taint-eviction/plan",
    wrong: ({ planTaintEviction }: Right<"planTaintEviction">) => ({
      planTaintEviction: (view: object) => planTaintEviction({ ...view, taintedMs: Infinity } as never),
    }),
    caughtBy: "a pod stays for as long as it tolerates its node",
  },
  {
    what: "a key that is added while it is worked on is forgotten",
    module: "#client/work-queue",
    wrong: ({ WorkQueue }: { WorkQueue: Class }) => {
      const right = WorkQueue.prototype["add"] as (this: unknown, key: string) => void;
      const done = WorkQueue.prototype["done"] as (this: unknown, key: string) => void;
      const busy = new WeakMap<object, Set<string>>();
      const of = (queue: object): Set<string> => {
        const known = busy.get(queue) ?? new Set<string>();
        busy.set(queue, known);
        return known;
      };
      WorkQueue.prototype["add"] = function (this: object, key: never) {
        if (of(this).has(key)) return;
        of(this).add(key);
        right.call(this, key);
      };
      WorkQueue.prototype["done"] = function (this: object, key: never) {
        of(this).delete(key);
        done.call(this, key);
      };
      return { WorkQueue };
    },
    caughtBy: "it comes to rest",
  },
  {
    what: "a watch loses one deletion in four",
    module: "#client/transport-client",
    wrong: ({ createClient }: { createClient: (...args: unknown[]) => Watching }) => ({
      createClient: (...args: unknown[]) => {
        const client = createClient(...args);
        let deletions = 0;
        async function* watch(...request: unknown[]): AsyncGenerator<{ type: string }> {
          for await (const event of client.watch(...request)) {
            if (event.type !== "DELETED" || ++deletions % 4 !== 0) yield event;
          }
        }
        return { ...client, watch };
      },
    }),
    caughtBy: "it comes to rest",
  },
];

const mostSeeds = 120;

describe("a cluster with one mistake in it", () => {
  afterEach(() => {
    vi.resetModules();
  });

  test.each(mistakes)("is caught: $what", { timeout: 300_000 }, async ({ module, wrong, caughtBy }) => {
    vi.resetModules();
    const used = vi.fn();
    vi.doMock(module, async (importOriginal) => {
      used();
      const right = await importOriginal<object>();
      return { ...right, ...wrong(right as never) };
    });
    try {
      const { simulate } = await import("./simulate.ts");
      expect(used).toHaveBeenCalled();
      const key = await serviceAccountKey();
      const found = new Set<string>();
      for (let seed = 0; seed < mostSeeds && !found.has(caughtBy); seed++) {
        const { violations } = await simulate({ seed, serviceAccountKey: key });
        for (const violation of violations) found.add(violation.slice(0, violation.indexOf(":")));
      }
      expect([...found]).toContain(caughtBy);
    } finally {
      vi.doUnmock(module);
    }
  });
});

function readiness({ status }: { status?: { conditions?: readonly { type: string; status: string }[] } }): number {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true ? 1 : 0;
}
