import type { Waiting } from "./pod-view.ts";

export type PodAction =
  /** Cgroup, folders, volumes, the files of /etc. */
  | { readonly type: "set up" }
  | { readonly type: "run sandbox"; readonly attempt: number }
  | { readonly type: "stop sandbox"; readonly id: string }
  | { readonly type: "remove sandbox"; readonly id: string }
  | { readonly type: "fetch image"; readonly container: string }
  | { readonly type: "start"; readonly container: string; readonly attempt: number; readonly imageId: string }
  /** Runs its hook; what comes after it in the pod waits for that. */
  | { readonly type: "post start"; readonly id: string; readonly container: string; readonly attempt: number }
  /** `message` is for people: why it is stopped. */
  | { readonly type: "stop"; readonly id: string; readonly container: string; readonly graceMs: number; readonly message: string }
  | { readonly type: "remove container"; readonly id: string }
  /** Undoes "set up". */
  | { readonly type: "tear down" }
  /** From the API when it is there, and from memory. */
  | { readonly type: "forget" };

/** Why a pod has failed although its containers alone would not say so. */
export interface Verdict {
  readonly reason: string;
  readonly message: string;
  /** The node did it, for reasons of its own: a condition says so to whoever counts disruptions. */
  readonly disrupts?: boolean;
}

/** What a container has at least between SIGTERM and SIGKILL (upstream: minimumGracePeriodInSeconds). */
export const shortestGraceMs = 2000;

export interface PodPlan {
  /** In order. The first that fails ends the pass; what depends on its result is left to the next pass. */
  readonly actions: readonly PodAction[];
  /** By container name: why it does not run. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** Restarts that are held back: an event each. */
  readonly heldBack: readonly string[];
  /** Steady time at which to look again though nothing happens. */
  readonly lookAgainAt?: number;
  readonly verdict?: Verdict;
}

export const nothing: PodPlan = { actions: [], waiting: new Map(), heldBack: [] };
