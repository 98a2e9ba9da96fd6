import { type PodAction, type PodPlan, shortestGraceMs } from "./pod-plan.ts";
import { sidecarsOf } from "./pod-spec.ts";
import { isAlive, type PodView } from "./pod-view.ts";
import type { Container } from "./runtime/runtime.ts";

/**
 * Stops what runs, then takes down what was set up. With `remove`, everything goes and the pod with it; without, what ended stays
 * for its logs until the pod is deleted.
 */
export function planEnd(view: PodView, { remove }: { remove: boolean }): PodPlan {
  const alive = view.containers.filter(isAlive);
  const actions = alive.length > 0 ? stops(view, alive) : takeDown(view, remove);
  return { actions, waiting: new Map(), heldBack: [] };
}

/** The containers first; sidecars one after the other once those have ended, the last first. */
function stops(view: PodView, alive: readonly Container[]): PodAction[] {
  const sidecars = sidecarsOf(view.pod).map(({ name }) => name);
  const main = alive.filter(({ name }) => !sidecars.includes(name));
  const lastSidecar = sidecars.findLast((name) => alive.some((one) => one.name === name));
  const next = main.length > 0 ? main : alive.filter(({ name }) => name === lastSidecar);
  const grace = (view.pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
  const graceMs = Math.max(view.goneBy === undefined ? grace : view.goneBy - view.now, shortestGraceMs);
  return next
    .filter(({ id }) => view.now + graceMs < (view.stopping.get(id) ?? Infinity))
    .map(({ id, name }) => ({ type: "stop", id, container: name, graceMs, message: `Stopping container ${name}` }));
}

function takeDown({ sandboxes, setUp }: PodView, remove: boolean): PodAction[] {
  const ready = sandboxes.filter(({ state }) => state === "ready");
  const stopped = ready.map(({ id }) => ({ type: "stop sandbox", id }) as const);
  const removed = remove ? sandboxes.map(({ id }) => ({ type: "remove sandbox", id }) as const) : [];
  const tearDown = setUp === "down" ? [] : [{ type: "tear down" } as const];
  return [...stopped, ...removed, ...tearDown, ...(remove ? [{ type: "forget" } as const] : [])];
}
