import { shouldRestart } from "./container-restart.ts";
import { nothing, type PodAction, type PodPlan } from "./pod-plan.ts";
import {
  type ContainerSpec,
  ephemeralContainersOf,
  initContainersOf,
  isSidecar,
  podText,
  sidecarsOf,
  specOf,
} from "./pod-spec.ts";
import { isAlive, newest, type PodView, type PostStart, type Waiting } from "./pod-view.ts";
import { durationText, mayRestartAt } from "./restart-backoff.ts";
import type { Container, Sandbox } from "./runtime/runtime.ts";

/**
 * Init containers one after the other, then all others at once; sidecars are started in their turn and kept running. Without a
 * sandbox nothing is started: the pod's work is done, or it has failed.
 */
export function planContainers(view: PodView, sandbox: Sandbox | undefined): PodPlan {
  const plan = new Drafting(view, sandbox);
  if (sandbox === undefined) return plan.result();
  if (hasEnded(view)) {
    for (const sidecar of sidecarsOf(view.pod).toReversed()) if (plan.stop(sidecar)) break;
    return plan.result();
  }
  for (const container of ephemeralContainersOf(view.pod)) plan.ephemeral(container);
  const initialized = specOf(view.pod).containers.some(({ name }) => plan.latest(name) !== undefined);
  for (const container of initContainersOf(view.pod)) {
    const done = isSidecar(container) ? plan.sidecar(container) : initialized || plan.init(container);
    if (!done && !initialized) return plan.result();
  }
  for (const container of specOf(view.pod).containers) if (!plan.main(container)) break;
  return plan.result();
}

/** Nothing of it will run again, sidecars aside: the pod is about to be Succeeded or Failed. */
function hasEnded({ pod, containers }: PodView): boolean {
  const isOver = (spec: ContainerSpec) => {
    const last = newest(containers.filter(({ name }) => name === spec.name));
    return last?.state === "exited" && !shouldRestart(pod, spec, last.exitCode) ? last : undefined;
  };
  const regular = initContainersOf(pod).filter((container) => !isSidecar(container));
  if (regular.some((spec) => (isOver(spec)?.exitCode ?? 0) !== 0)) return true;
  return specOf(pod).containers.every((spec) => isOver(spec) !== undefined);
}

class Drafting {
  readonly #view: PodView;
  readonly #sandbox: Sandbox | undefined;
  readonly #actions: PodAction[] = [];
  readonly #waiting = new Map<string, Waiting>();
  readonly #heldBack: string[] = [];
  #lookAgainAt = Infinity;

  constructor(view: PodView, sandbox: Sandbox | undefined) {
    this.#view = view;
    this.#sandbox = sandbox;
  }

  result(): PodPlan {
    return {
      ...nothing,
      actions: this.#actions,
      waiting: this.#waiting,
      heldBack: this.#heldBack,
      ...(this.#lookAgainAt < Infinity && { lookAgainAt: this.#lookAgainAt }),
    };
  }

  /** The last attempt in the present sandbox. */
  latest(name: string): Container | undefined {
    const { containers } = this.#view;
    return newest(containers.filter((one) => one.name === name && one.sandboxId === this.#sandbox?.id));
  }

  /** Once and never again, whatever became of it. */
  ephemeral(container: ContainerSpec): void {
    const { pod, containers } = this.#view;
    const told = pod.status?.ephemeralContainerStatuses?.find(({ name }) => name === container.name);
    const known = newest(containers.filter(({ name }) => name === container.name));
    const hasBegun = known === undefined ? (told?.containerID ?? "") !== "" : known.state !== "created";
    if (!hasBegun) this.#start(container);
  }

  /** @returns whether it has done its work. */
  init(container: ContainerSpec): boolean {
    const last = this.latest(container.name);
    if (last === undefined || last.state === "created") this.#start(container);
    else if (last.state === "exited") {
      if (shouldRestart(this.#view.pod, container, last.exitCode)) this.#start(container, last);
      else return last.exitCode === 0;
    }
    return false;
  }

  /** @returns whether the next may go on: it has started. */
  sidecar(container: ContainerSpec): boolean {
    const last = this.latest(container.name);
    if (last === undefined || last.state === "created") this.#start(container);
    else if (last.state === "exited") this.#start(container, last);
    else {
      const hook = this.#postStart(container, last);
      this.#check(container, last);
      if (hook !== "done") return false;
      return container.startupProbe === undefined || this.#view.probes.get(last.id)?.started === true;
    }
    return false;
  }

  /** @returns whether the next may be started: none is while a hook runs or is about to. */
  main(container: ContainerSpec): boolean {
    const last = this.latest(container.name);
    const orders = this.#actions.length;
    if (last === undefined || last.state === "created") this.#start(container);
    else if (isAlive(last)) {
      const hook = this.#postStart(container, last);
      this.#check(container, last);
      return hook !== "running";
    } else if (shouldRestart(this.#view.pod, container, last.exitCode)) this.#start(container, last);
    const starts = this.#actions.slice(orders).some(({ type }) => type === "start");
    return !starts || container.lifecycle?.postStart === undefined;
  }

  /** Begins the hook of a container of which nobody knows that it was run: after a restart of the agent once more. */
  #postStart(container: ContainerSpec, running: Container): PostStart {
    if (container.lifecycle?.postStart === undefined) return "done";
    const { id, name, attempt } = running;
    const known = this.#view.postStarts.get(id);
    if (known === undefined) this.#actions.push({ type: "post start", id, container: name, attempt });
    return known ?? "running";
  }

  /** @returns whether it was running. */
  stop(container: ContainerSpec): boolean {
    const last = this.latest(container.name);
    if (last === undefined || !isAlive(last)) return false;
    this.#stop(last, (specOf(this.#view.pod).terminationGracePeriodSeconds ?? 30) * 1000, `Stopping container ${container.name}`);
    return true;
  }

  /** A running container is stopped, to be started again, when a probe gave it up or its image was changed. */
  #check(container: ContainerSpec, running: Container): void {
    const { name } = container;
    const grace = specOf(this.#view.pod).terminationGracePeriodSeconds ?? 30;
    const failure = this.#view.probes.get(running.id)?.failure;
    if (this.#view.postStarts.get(running.id) === "failed") this.#stop(running, grace * 1000, "FailedPostStartHook");
    else if (failure !== undefined) {
      const probe = failure === "liveness" ? container.livenessProbe : container.startupProbe;
      const graceMs = (probe?.terminationGracePeriodSeconds ?? grace) * 1000;
      this.#stop(running, graceMs, `Container ${name} failed ${failure} probe, will be restarted`);
    } else if (running.image !== container.image) {
      this.#stop(running, grace * 1000, `Container ${name} definition changed, will be restarted`);
    }
  }

  #stop({ id, name }: Container, graceMs: number, message: string): void {
    if (this.#view.stopping.has(id)) return;
    this.#actions.push({ type: "stop", id, container: name, graceMs, message });
  }

  /** Starts it, or says why it must wait. `last` is what it follows upon. */
  #start(container: ContainerSpec, last?: Container): void {
    const { name } = container;
    const { pod, now, images, backoffs } = this.#view;
    if (last !== undefined) {
      const backoff = backoffs.get(name);
      const at = mayRestartAt(backoff, last.finishedAt ?? 0);
      if (at > now) {
        const delay = durationText(backoff?.delayMs ?? 0);
        const message = `back-off ${delay} restarting failed container=${name} pod=${podText(pod)}`;
        this.#wait(name, { reason: "CrashLoopBackOff", message }, at);
        this.#heldBack.push(name);
        return;
      }
    }
    const image = images.get(name);
    switch (image?.state) {
      case undefined:
        this.#actions.push({ type: "fetch image", container: name });
        return;
      case "fetching":
        if (image.waiting !== undefined) this.#wait(name, image.waiting);
        return;
      case "failed":
        if (image.retryAt > now) this.#wait(name, image.waiting, image.retryAt);
        else this.#actions.push({ type: "fetch image", container: name });
        return;
      case "present":
        this.#actions.push(...this.#neverStarted(name), {
          type: "start",
          container: name,
          attempt: nextAttempt(this.#view, name),
          imageId: image.id,
        });
    }
  }

  /** What was created by an agent that ended before it could start it. */
  #neverStarted(name: string): PodAction[] {
    const created = this.#view.containers.filter((one) => one.name === name && one.state === "created");
    return created.map(({ id }) => ({ type: "remove container", id }));
  }

  #wait(name: string, waiting: Waiting, until = Infinity): void {
    this.#waiting.set(name, waiting);
    this.#lookAgainAt = Math.min(this.#lookAgainAt, until);
  }
}

/** Counts on from what the runtime knows, else from what the API was last told. It is the restart count. */
function nextAttempt({ pod, containers }: Pick<PodView, "pod" | "containers">, name: string): number {
  const known = newest(containers.filter((one) => one.name === name && one.state !== "created"));
  if (known !== undefined) return known.attempt + 1;
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const told = statuses.find((status) => status.name === name);
  const ranBefore = told?.containerID !== undefined && told.containerID !== "";
  return ranBefore ? told.restartCount + 1 : 0;
}
