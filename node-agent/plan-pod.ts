import { refusalOf, verdictOf } from "./admit-pod.ts";
import { shouldRestart } from "./container-restart.ts";
import { nothing, type PodAction, type PodPlan, shortestGraceMs, type Verdict } from "./pod-plan.ts";
import { planContainers } from "./plan-containers.ts";
import { planEnd } from "./plan-end.ts";
import { isFinished, restartPolicyOf, specOf } from "./pod-spec.ts";
import { currentSandbox, isAlive, newest, type PodView } from "./pod-view.ts";

/**
 * What to do next for one pod, given what really is there. Called again after each pass, so that it never has to foresee the
 * outcome of what it orders. A pod ends in this order: containers, sidecars in reverse, sandbox, volumes, the object.
 */
export function planPod(view: PodView): PodPlan {
  if (view.goneBy !== undefined) return planEnd(view, { remove: true });
  if (isFinished(view.pod)) return planEnd(view, { remove: false });
  const refusal = refusalOf(view.pod);
  if (refusal !== undefined) return { ...planEnd(view, { remove: false }), verdict: verdictOf(refusal) };
  const { eviction } = view;
  if (eviction !== undefined)
    return { ...planEnd({ ...view, goneBy: eviction.by }, { remove: false }), verdict: eviction.verdict };
  const deadline = deadlineOf(view);
  if (deadline !== undefined && view.now >= deadline) {
    return { ...planEnd(view, { remove: false }), verdict: deadlineExceeded };
  }
  return lookingAgainBy(planRunning(view), deadline);
}

const deadlineExceeded: Verdict = {
  reason: "DeadlineExceeded",
  message: "Pod was active on the node longer than the specified deadline",
};

function deadlineOf({ pod }: PodView): number | undefined {
  const seconds = specOf(pod).activeDeadlineSeconds;
  const startTime = pod.status?.startTime;
  return seconds === undefined || startTime === undefined ? undefined : Date.parse(startTime) + seconds * 1000;
}

function planRunning(view: PodView): PodPlan {
  const sandbox = currentSandbox(view.sandboxes);
  if (sandbox === undefined) return planSandbox(view);
  // After a restart of the agent the volumes are mounted still, but what they show may be old.
  const setUp = [{ type: "set up" } as const];
  const before = ["down", "unknown"].includes(view.setUp) ? setUp : [];
  if (before.length > 0 && isHeldBack(view)) return { ...nothing, ...lookAgain(view.retryAt) };
  const plan = planContainers(view, sandbox);
  // What is shown may be renewed later; that it cannot be is no reason to leave the containers alone.
  const after = view.setUp === "stale" && !isHeldBack(view) ? setUp : [];
  const actions = [...before, ...plan.actions, ...removeOld(view, sandbox.id), ...after];
  return lookingAgainBy({ ...plan, actions }, view.setUp === "stale" ? view.retryAt : undefined);
}

/** No sandbox is ready: make one, unless the pod's work is done. */
function planSandbox(view: PodView): PodPlan {
  const alive = view.containers.filter(isAlive);
  if (alive.length > 0) {
    const stops = alive.filter(({ id }) => !view.stopping.has(id));
    return {
      ...nothing,
      actions: stops.map(({ id, name }) => ({
        type: "stop",
        id,
        container: name,
        graceMs: shortestGraceMs,
        message: "Pod sandbox changed, it will be killed and re-created.",
      })),
    };
  }
  if (!needsSandbox(view)) return planContainers(view, undefined);
  if (isHeldBack(view)) return { ...nothing, ...lookAgain(view.retryAt) };
  const attempt = (newest(view.sandboxes)?.attempt ?? -1) + 1;
  const stale = view.sandboxes.map(({ id }) => ({ type: "stop sandbox", id }) as const);
  return { ...nothing, actions: [...stale, { type: "set up" }, { type: "run sandbox", attempt }] };
}

/** A pod that is not to be restarted does not begin anew because its sandbox is lost. */
function needsSandbox({ pod, containers }: PodView): boolean {
  if (containers.length === 0) return true;
  const { containers: specs } = specOf(pod);
  if (restartPolicyOf(pod) === "Never" && specs.every(({ restartPolicy }) => restartPolicy === undefined)) return false;
  return specs.some((spec) => {
    const last = newest(containers.filter(({ name }) => name === spec.name));
    return last?.state !== "exited" || shouldRestart(pod, spec, last.exitCode);
  });
}

/** Of each container the last that ended is kept, for its log and `lastState`. */
function removeOld({ containers, sandboxes }: PodView, sandboxId: string): PodAction[] {
  const ended = containers.filter(({ state }) => state === "exited");
  const old = ended.filter((one) => ended.some((other) => other.name === one.name && other.attempt > one.attempt));
  const stale = sandboxes.filter(({ id, state }) => id !== sandboxId && state === "notReady");
  const unused = stale.filter(({ id }) => !containers.some((one) => one.sandboxId === id && !old.includes(one)));
  return [
    ...old.map(({ id }) => ({ type: "remove container", id }) as const),
    ...unused.map(({ id }) => ({ type: "remove sandbox", id }) as const),
  ];
}

function isHeldBack({ retryAt, now }: PodView): boolean {
  return retryAt !== undefined && retryAt > now;
}

function lookAgain(at: number | undefined): Pick<PodPlan, "lookAgainAt"> {
  return at === undefined ? {} : { lookAgainAt: at };
}

function lookingAgainBy(plan: PodPlan, at: number | undefined): PodPlan {
  if (at === undefined) return plan;
  return { ...plan, lookAgainAt: Math.min(at, plan.lookAgainAt ?? Infinity) };
}
