import type { PodStatus } from "#api/generated/types";
import type { Clock } from "#base/clock";
import { unimplementedFields } from "#api/kinds/pod-fields";
import { sharedSignal } from "#client/shared-signal";
import { refusalOf } from "./admit-pod.ts";
import type { AgentParts } from "./agent-parts.ts";
import { ImagePuller, type ImageState } from "./images/image-puller.ts";
import { planPod } from "./plan-pod.ts";
import { containerOf, PodActions, StartFailure } from "./pod-actions.ts";
import { PodEnvironment } from "./pod-environment.ts";
import type { PodAction, PodPlan, Verdict } from "./pod-plan.ts";
import { PodProbes } from "./pod-probes.ts";
import { findContainer, isFinished, podText, specOf, type StoredPod } from "./pod-spec.ts";
import { podStatus } from "./pod-status.ts";
import { currentSandbox, isAlive, newest, type Eviction, type PodView, type PostStart, type Waiting } from "./pod-view.ts";
import { afterRestart, type RestartBackoff } from "./restart-backoff.ts";
import type { Container, Sandbox } from "./runtime/runtime.ts";
import { hasStarted, rememberStarted } from "./started-containers.ts";
import { Endings, steadyClock } from "./steady-time.ts";
import { StatusWriter } from "./status-writer.ts";
import { terminationMessage } from "./termination-message.ts";
import { hasRenewableVolumes } from "./volumes/pod-volumes.ts";

export interface PodWorkerOptions {
  readonly parts: AgentParts;
  readonly pod: StoredPod;
  /** Asks for another pass. */
  readonly changed: () => void;
}

/** What a pass leaves to do: nothing more ever, or another one, at once or after a while. */
export type PassResult = { readonly done: true } | { readonly done: false; readonly againAfterMs?: number };

const configRetryMs = 10_000;
const volumeRenewalMs = 60_000;
const longestSetUpDelayMs = 120_000;
/** The time that what is not in the API any more is given to end. */
const orphanGraceMs = 2000;
/** Upstream: immediateEvictionGracePeriodSeconds. */
const evictionGraceMs = 1000;

/**
 * Brings one pod to where it should be, pass by pass. What it remembers between passes (back-offs, what it told whom) is for
 * manners only: after a restart of the agent everything that matters is read from the runtime and from the pod's status.
 */
export class PodWorker {
  readonly #parts: AgentParts;
  readonly #changed: () => void;
  /** What is counted here is counted by it. */
  readonly #steady: Clock;
  readonly #endings = new Endings();
  readonly #environment: PodEnvironment;
  readonly #puller: ImagePuller;
  readonly #actions: PodActions;
  readonly #probes: PodProbes;
  readonly #writer: StatusWriter;
  readonly #end = new AbortController();
  readonly #backoffs = new Map<string, RestartBackoff>();
  readonly #stopping = new Map<string, number>();
  readonly #postStarts = new Map<string, PostStart>();
  readonly #failures = new Map<string, Extract<ImageState, { state: "failed" }>>();
  readonly #runErrors = new Map<string, Waiting>();
  readonly #messages = new Map<string, string>();
  readonly #imageReferences = new Map<string, string>();
  #failedStarts: readonly Container[] = [];
  #pod: StoredPod;
  #inApi = true;
  #status: PodStatus | undefined;
  #finalStatus: PodStatus | undefined;
  #verdict: Verdict | undefined;
  #setUp: PodView["setUp"] = "unknown";
  #setUpAt = 0;
  #volumeChanges = 0;
  #setUpDelayMs = 500;
  #retryAt: number | undefined;
  #goneBy: number | undefined;
  #eviction: Eviction | undefined;

  constructor({ parts, pod, changed }: PodWorkerOptions) {
    const signal = sharedSignal(AbortSignal.any([parts.signal, this.#end.signal]));
    this.#parts = parts;
    this.#pod = pod;
    this.#changed = changed;
    this.#environment = new PodEnvironment(parts);
    this.#steady = steadyClock(parts.clock);
    this.#puller = new ImagePuller({ images: parts.images, clock: this.#steady, signal });
    this.#actions = new PodActions({ parts, environment: this.#environment, puller: this.#puller, changed });
    this.#probes = new PodProbes({ parts, actions: this.#actions, changed });
    this.#writer = new StatusWriter({ ...parts, signal: parts.signal });
  }

  get pod(): StoredPod {
    return this.#pod;
  }

  /** The API shows this of it now. */
  update(pod: StoredPod): void {
    this.#pod = pod;
  }

  /** It is not in the API any more: what is left of it goes. */
  orphan(): void {
    this.#inApi = false;
  }

  /** The node cannot keep it. Its containers have next to no time left. */
  evict(verdict: Verdict): void {
    this.#eviction ??= { verdict, by: this.#steady.now() + evictionGraceMs };
  }

  stop(): void {
    this.#end.abort();
    this.#probes.stop();
  }

  /** Steps of a start wait their turn, and what is there is looked at again after that. */
  async pass(): Promise<PassResult> {
    const first = await this.#look();
    const progress = startOf(first.plan);
    if (progress === undefined) return this.#act(first);
    const { turns } = this.#parts;
    const mustWait = !turns.isFree;
    const endTurn = await turns.take(progress);
    try {
      return await this.#act(mustWait ? await this.#look() : first);
    } finally {
      endTurn();
    }
  }

  /** What there is, what is to be done, and what of it the API is told. */
  async #look(): Promise<Look> {
    const view = await this.#observe();
    const plan = planPod({ ...view, containers: this.#endings.inSteadyTime(view.containers, view.now) });
    if (plan.verdict !== undefined && this.#verdict === undefined && !isFinished(view.pod)) this.#tellRefusal(view.pod);
    this.#verdict = plan.verdict ?? this.#verdict;
    await this.#report(view, plan);
    return { view, plan };
  }

  async #act({ view, plan }: Look): Promise<PassResult> {
    const { log } = this.#parts;
    let acted = false;
    try {
      for (const action of plan.actions) {
        await this.#execute(action, view);
        if (action.type === "forget") return { done: true };
        acted ||= !inBackground.has(action.type);
      }
    } catch (error) {
      log.info("a step for a pod failed", { pod: podText(view.pod), reason: (error as Error).message });
      if (!(error instanceof StartFailure)) this.#holdBack();
      acted = true;
    }
    if (acted) return { done: false, againAfterMs: 0 };
    for (const name of plan.heldBack) this.#tellBackOff(view.pod, name);
    const backingOff = [...plan.waiting.keys()].filter((name) => this.#puller.backOff(name, this.#imageEvents(view.pod, name)));
    if (backingOff.length > 0) return { done: false, againAfterMs: 0 };
    const renewAt = view.setUp === "up" && hasRenewableVolumes(view.pod) ? this.#setUpAt + volumeRenewalMs : Infinity;
    const backOffAt = [...plan.waiting.keys()].map((name) => this.#puller.backOffDueAt(name) ?? Infinity);
    const at = Math.min(plan.lookAgainAt ?? Infinity, renewAt, ...backOffAt);
    return { done: false, ...(at < Infinity && { againAfterMs: Math.max(at - this.#steady.now(), 0) }) };
  }

  async #observe(): Promise<PodView> {
    const { runtimeState } = this.#parts;
    const { uid } = this.#pod.metadata;
    const list = await runtimeState.fresh();
    const now = this.#steady.now();
    const sandboxes = list.sandboxes.filter(({ podUid }) => podUid === uid);
    const real = list.containers.filter(({ podUid }) => podUid === uid);
    const containers = [...real, ...this.#failedStarts.filter(({ id }) => !real.some((one) => one.id === id))];
    for (const id of this.#stopping.keys()) if (!real.some((one) => one.id === id && isAlive(one))) this.#stopping.delete(id);
    const pod = { ...this.#pod, status: this.#knownStatus() };
    await this.#recallPostStarts(real);
    this.#setDeadline(now);
    if (this.#setUp === "up" && now - this.#setUpAt >= volumeRenewalMs && hasRenewableVolumes(pod)) this.#setUp = "stale";
    return {
      pod,
      now,
      sandboxes,
      containers,
      probes: this.#probes.follow(
        pod,
        { containers, postStarts: this.#postStarts },
        { podIP: this.#podIP(sandboxes), isEnding: this.#goneBy !== undefined },
      ),
      postStarts: this.#postStarts,
      images: new Map<string, ImageState>([...this.#puller.states, ...this.#failures]),
      backoffs: this.#backoffs,
      stopping: this.#stopping,
      setUp: this.#setUp,
      ...(this.#retryAt !== undefined && { retryAt: this.#retryAt }),
      ...(this.#goneBy !== undefined && { goneBy: this.#goneBy }),
      ...(this.#eviction !== undefined && { eviction: this.#eviction }),
    };
  }

  /** The grace counts from when the deletion is seen here: clocks of other machines decide nothing. It only ever gets shorter. */
  #setDeadline(now: number): void {
    const { deletionTimestamp, deletionGracePeriodSeconds } = this.#pod.metadata;
    const given = specOf(this.#pod).terminationGracePeriodSeconds ?? 30;
    const grace = !this.#inApi ? orphanGraceMs : (deletionGracePeriodSeconds ?? given) * 1000;
    if (this.#inApi && deletionTimestamp === undefined) return;
    this.#goneBy = Math.min(this.#goneBy ?? Infinity, now + grace);
  }

  /** What the API shows, overlaid with what was written since: the informer may not have seen it yet. */
  #knownStatus(): PodStatus {
    const seen = this.#pod.status ?? {};
    const own = this.#status;
    if (own === undefined) return seen;
    const conditions = [
      ...(own.conditions ?? []).map((condition) => {
        const foreign = !ownConditions.has(condition.type);
        return foreign ? (seen.conditions?.find(({ type }) => type === condition.type) ?? condition) : condition;
      }),
      ...(seen.conditions ?? []).filter(({ type }) => !own.conditions?.some((condition) => condition.type === type)),
    ];
    return { ...seen, ...own, conditions };
  }

  #tellRefusal(pod: StoredPod): void {
    const refusal = refusalOf(pod);
    if (refusal !== undefined) this.#parts.record(pod, "Warning", refusal.reason, refusal.message);
  }

  /** Who made the pod was warned; who looks at it later reads it here. */
  #tellIgnoredFields(pod: StoredPod): void {
    for (const path of unimplementedFields(specOf(pod))) {
      this.#parts.record(pod, "Warning", "FieldIgnored", `spec.${path} is not implemented by this node agent and does nothing`);
    }
  }

  async #report(view: PodView, plan: PodPlan): Promise<void> {
    if (!this.#inApi) return;
    if (this.#status === undefined && view.pod.status?.startTime === undefined) this.#tellIgnoredFields(view.pod);
    await this.#readAboutContainers(view);
    const alive = view.containers.some(isAlive);
    const ended = !alive && (view.goneBy !== undefined || plan.verdict !== undefined);
    const status =
      this.#finalStatus ??
      podStatus({
        ...view,
        now: this.#parts.clock.now(),
        waiting: new Map([...this.#runErrors, ...plan.waiting]),
        terminationMessages: this.#messages,
        imageReferences: this.#imageReferences,
        nodeAddress: this.#parts.nodeAddress,
        runtimeName: this.#parts.runtimeName,
        ...(this.#verdict !== undefined && { verdict: this.#verdict }),
        ended,
      });
    // What follows removes the containers that the status is made of.
    if (ended && view.goneBy !== undefined) this.#finalStatus = status;
    this.#status = status;
    this.#writer.set(this.#pod, status);
  }

  async #readAboutContainers({ pod, containers }: PodView): Promise<void> {
    for (const { id, name, attempt, imageId, state } of containers) {
      if (!this.#imageReferences.has(imageId)) {
        const image = await this.#parts.images.status(imageId).catch(() => undefined);
        if (image !== undefined) this.#imageReferences.set(imageId, image.digests[0] ?? image.id);
      }
      if (state !== "exited" || this.#messages.has(id)) continue;
      const spec = findContainer(pod, name);
      const fallBackToLog =
        spec?.terminationMessagePolicy === "FallbackToLogsOnError" &&
        containers.some((one) => one.id === id && one.exitCode !== 0);
      const terminationLog = this.#environment.terminationLog(pod, name, attempt);
      const message = await terminationMessage({
        terminationLog,
        log: this.#environment.logFile(pod, name, attempt),
        fallBackToLog,
      });
      if (message !== "") this.#messages.set(id, message);
    }
  }

  async #execute(action: PodAction, view: PodView): Promise<void> {
    const { runtime } = this.#parts;
    const { pod } = view;
    switch (action.type) {
      case "set up": {
        const seen = this.#volumeChanges;
        await this.#actions.setUp(pod, this.#podIP(view.sandboxes), () => this.#renewVolumes());
        this.#setUp = this.#volumeChanges === seen ? "up" : "stale";
        this.#setUpAt = this.#steady.now();
        this.#retryAt = undefined;
        return;
      }
      case "run sandbox":
        await this.#actions.runSandbox(pod, action.attempt);
        this.#setUpDelayMs = 500;
        return;
      case "stop sandbox":
        await runtime.stopPodSandbox(action.id);
        return;
      case "remove sandbox":
        await runtime.removePodSandbox(action.id);
        return;
      case "fetch image":
        this.#failures.delete(action.container);
        this.#actions.fetchImage(pod, action.container);
        return;
      case "start":
        await this.#start(action, view);
        return;
      case "post start":
        this.#postStart(action, view);
        return;
      case "stop":
        this.#stop(action, view);
        return;
      case "remove container":
        await this.#removeContainer(action.id, view);
        return;
      case "tear down":
        await this.#environment.tearDown(pod);
        this.#setUp = "down";
        return;
      case "forget":
        await this.#writer.flushed();
        if (this.#inApi) await this.#actions.deleteFromApi(pod);
        await this.#environment.remove(pod);
    }
  }

  /** In the background: a container may take its whole grace, and the pod's others need attention meanwhile. */
  #stop(action: Extract<PodAction, { type: "stop" }>, { pod, now, sandboxes }: PodView): void {
    const { id, container, graceMs } = action;
    const stopped = this.#stopping.has(id)
      ? this.#actions.hurry(action)
      : this.#actions.stop(pod, action, this.#podIP(sandboxes));
    this.#stopping.set(id, now + graceMs);
    void stopped.then(this.#changed, (error: unknown) => {
      this.#parts.log.warn("a container could not be stopped", { pod: podText(pod), container, error });
      this.#stopping.delete(id);
      this.#changed();
    });
  }

  /** That hooks have succeeded is on disk, so that a restart of the agent in the middle of one has it run again, and only then. */
  async #recallPostStarts(containers: readonly Container[]): Promise<void> {
    const { directories } = this.#parts;
    const { containers: main, initContainers = [] } = specOf(this.#pod);
    const hooked = [...main, ...initContainers].filter(({ lifecycle }) => lifecycle?.postStart !== undefined);
    for (const id of this.#postStarts.keys())
      if (!containers.some((one) => one.id === id && isAlive(one))) this.#postStarts.delete(id);
    for (const { id, name, attempt, state } of containers) {
      if (state !== "running" || this.#postStarts.has(id) || !hooked.some((spec) => spec.name === name)) continue;
      if (await hasStarted(directories, this.#pod, { name, attempt })) this.#postStarts.set(id, "done");
    }
  }

  /** In the background, as the pod's probes and its other containers need attention meanwhile. */
  #postStart(action: Extract<PodAction, { type: "post start" }>, { pod, sandboxes }: PodView): void {
    const { id, container, attempt } = action;
    this.#postStarts.set(id, "running");
    const run = async (): Promise<PostStart> => {
      const message = await this.#actions.postStart(pod, action, this.#podIP(sandboxes), this.#end.signal);
      if (message !== undefined) {
        this.#runErrors.set(container, { reason: "PostStartHookError", message });
        return "failed";
      }
      await rememberStarted(this.#parts.directories, pod, { name: container, attempt });
      return "done";
    };
    void run()
      .catch((error: unknown): PostStart => {
        this.#parts.log.warn("it could not be written down that a hook succeeded", { pod: podText(pod), container, error });
        return "done";
      })
      .then((outcome) => {
        if (this.#postStarts.get(id) === "running") this.#postStarts.set(id, outcome);
        this.#changed();
      });
  }

  async #start(action: Extract<PodAction, { type: "start" }>, view: PodView): Promise<void> {
    const { container, attempt } = action;
    const sandbox = currentSandbox(view.sandboxes);
    if (sandbox === undefined) return;
    const last = newest(
      view.containers.filter((one) => one.name === container && one.state === "exited" && one.sandboxId === sandbox.id),
    );
    try {
      await this.#actions.start(view.pod, sandbox, action);
      this.#runErrors.delete(container);
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      const waiting = { reason: error.reason, message: error.message };
      if (error.containerId === undefined) {
        const now = this.#steady.now();
        this.#failures.set(container, { state: "failed", waiting, failedAt: now, retryAt: now + configRetryMs });
        throw error;
      }
      this.#runErrors.set(container, waiting);
      await this.#countFailedStart(error, { container, attempt, sandboxId: sandbox.id, imageId: action.imageId }, view);
    }
    this.#puller.used(container);
    if (last !== undefined) {
      const now = this.#steady.now();
      const endedAt = this.#endings.endOf(last, now);
      this.#backoffs.set(container, afterRestart(this.#backoffs.get(container), endedAt, now));
    }
  }

  /** The runtime is rid of it; here it stands as a container that ended at once, as upstream shows it. */
  async #countFailedStart(
    error: StartFailure,
    { container, attempt, sandboxId, imageId }: { container: string; attempt: number; sandboxId: string; imageId: string },
    { pod }: PodView,
  ): Promise<void> {
    const id = error.containerId ?? "";
    await this.#parts.runtime.removeContainer(id).catch(() => undefined);
    const now = this.#parts.clock.now();
    this.#endings.ended(id, this.#steady.now());
    const failed: Container = {
      id,
      sandboxId,
      podUid: pod.metadata.uid,
      name: container,
      attempt,
      image: containerOf(pod, container).image ?? "",
      imageId,
      state: "exited",
      createdAt: now,
      finishedAt: now,
      exitCode: 128,
      reason: "StartError",
      message: error.message,
    };
    this.#failedStarts = [...this.#failedStarts, failed];
  }

  async #removeContainer(id: string, { pod, containers }: PodView): Promise<void> {
    const container = containers.find((one) => one.id === id);
    if (container === undefined) return;
    this.#failedStarts = this.#failedStarts.filter((one) => one.id !== id);
    await this.#actions.removeContainer(pod, container);
    this.#messages.delete(id);
  }

  #renewVolumes(): void {
    this.#volumeChanges++;
    if (this.#setUp === "up") this.#setUp = "stale";
    this.#changed();
  }

  #holdBack(): void {
    this.#retryAt = this.#steady.now() + this.#setUpDelayMs;
    this.#setUpDelayMs = Math.min(this.#setUpDelayMs * 2, longestSetUpDelayMs);
  }

  #tellBackOff(pod: StoredPod, container: string): void {
    const message = `Back-off restarting failed container ${container} in pod ${podText(pod)}`;
    this.#actions.record(pod, container, "Warning", "BackOff", message);
  }

  #imageEvents(pod: StoredPod, name: string) {
    return {
      image: containerOf(pod, name).image ?? "",
      events: (type: "Normal" | "Warning", reason: string, message: string) =>
        this.#actions.record(pod, name, type, reason, message),
    };
  }

  #podIP(sandboxes: readonly Sandbox[]): string {
    if (specOf(this.#pod).hostNetwork === true) return this.#parts.nodeAddress;
    return currentSandbox(sandboxes)?.ip ?? "";
  }
}

interface Look {
  readonly view: PodView;
  readonly plan: PodPlan;
}

/** How far a start is that goes on now; undefined: nothing is started. */
function startOf({ actions }: PodPlan): number | undefined {
  const steps = actions.map(({ type }) => startSteps.indexOf(type)).filter((step) => step !== -1);
  return steps.length === 0 ? undefined : Math.max(...steps);
}

const startSteps: readonly PodAction["type"][] = ["set up", "run sandbox", "start"];

const inBackground: ReadonlySet<PodAction["type"]> = new Set(["fetch image", "stop", "post start"] as const);

const ownConditions = new Set(["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"]);
