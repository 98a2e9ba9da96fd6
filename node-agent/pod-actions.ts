import { rm } from "node:fs/promises";
import { pods } from "#api/resource-type";
import type { Clock } from "#base/clock";
import { hasReason } from "#api/status";
import type { AgentParts } from "./agent-parts.ts";
import { containerConfig } from "./container-config.ts";
import { environmentOf } from "./environment.ts";
import { runHook } from "./lifecycle-hook.ts";
import type { ImagePuller } from "./images/image-puller.ts";
import type { PodEnvironment } from "./pod-environment.ts";
import { type PodAction, shortestGraceMs } from "./pod-plan.ts";
import { missesClusterDns } from "./pod-files.ts";
import {
  type ContainerSpec,
  ephemeralContainersOf,
  findContainer,
  initContainersOf,
  podText,
  specOf,
  type StoredPod,
} from "./pod-spec.ts";
import { pullSecrets } from "./pull-secrets.ts";
import { RuntimeError, type Sandbox } from "./runtime/runtime.ts";

/** A start that did not succeed, with what kubectl shows of it. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
  readonly reason: string;
  /** The container was made and its command could not be run: that counts as an attempt. */
  readonly containerId?: string;

  constructor(reason: string, message: string, options: ErrorOptions & { containerId?: string }) {
    super(message, options);
    this.reason = reason;
    if (options.containerId !== undefined) this.containerId = options.containerId;
  }
}

type StopOrder = Omit<Extract<PodAction, { type: "stop" }>, "type">;
type PostStartOrder = Omit<Extract<PodAction, { type: "post start" }>, "type">;

/** What a plan's actions do to the machine and to the API. Keeps nothing. */
export class PodActions {
  readonly #parts: AgentParts;
  readonly #environment: PodEnvironment;
  readonly #puller: ImagePuller;
  readonly #changed: () => void;

  constructor(options: { parts: AgentParts; environment: PodEnvironment; puller: ImagePuller; changed: () => void }) {
    this.#parts = options.parts;
    this.#environment = options.environment;
    this.#puller = options.puller;
    this.#changed = options.changed;
  }

  async setUp(pod: StoredPod, podIP: string, volumesChanged: () => void): Promise<void> {
    const { record } = this.#parts;
    try {
      await this.#environment.setUp(pod, podIP, volumesChanged);
    } catch (error) {
      record(pod, "Warning", "FailedMount", (error as Error).message);
      throw error;
    }
  }

  async runSandbox(pod: StoredPod, attempt: number): Promise<void> {
    const { runtime, record, dns } = this.#parts;
    if (missesClusterDns(pod, dns)) {
      const policy = specOf(pod).dnsPolicy ?? "ClusterFirst";
      const message = `pod: "${podText(pod)}". kubelet does not have ClusterDNS IP configured and cannot create Pod using "${policy}" policy. Falling back to "Default" policy.`;
      record(pod, "Warning", "MissingClusterDNS", message);
    }
    try {
      await runtime.runPodSandbox(this.#environment.sandboxConfig(pod, attempt));
    } catch (error) {
      record(pod, "Warning", "FailedCreatePodSandBox", `Failed to create pod sandbox: ${(error as Error).message}`);
      throw error;
    }
  }

  /** In the background; the pod is looked at again when it is there. */
  fetchImage(pod: StoredPod, name: string): void {
    const container = containerOf(pod, name);
    this.#puller.fetch(name, {
      image: container.image ?? "",
      pullPolicy: container.imagePullPolicy ?? "IfNotPresent",
      auths: () => pullSecrets(pod, this.#parts.source),
      events: (type, reason, message) => this.record(pod, name, type, reason, message),
      changed: this.#changed,
    });
  }

  /** @throws StartFailure */
  async start(pod: StoredPod, sandbox: Sandbox, start: { container: string; attempt: number; imageId: string }): Promise<string> {
    const { runtime } = this.#parts;
    const container = containerOf(pod, start.container);
    const podIP = specOf(pod).hostNetwork === true ? this.#parts.nodeAddress : sandbox.ip;
    const id = await this.#create(pod, container, sandbox.id, podIP, start);
    this.record(pod, container.name, "Normal", "Created", `Created container: ${container.name}`);
    try {
      await runtime.startContainer(id);
    } catch (error) {
      const reason = error instanceof RuntimeError ? error.reason : "RunContainerError";
      this.record(pod, container.name, "Warning", "Failed", `Error: ${(error as Error).message}`);
      throw new StartFailure(reason, (error as Error).message, { cause: error, containerId: id });
    }
    this.record(pod, container.name, "Normal", "Started", `Started container ${container.name}`);
    return id;
  }

  /** @returns why its postStart hook failed, if it did. */
  async postStart(
    pod: StoredPod,
    { id, container }: PostStartOrder,
    podIP: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { runtime, clock } = this.#parts;
    const spec = containerOf(pod, container);
    const handler = spec.lifecycle?.postStart;
    if (handler === undefined) return undefined;
    const failure = await runHook({ handler, container: spec, containerId: id, podIP, runtime, clock, signal });
    if (failure !== undefined && !signal.aborted)
      this.record(pod, container, "Warning", "FailedPostStartHook", "PostStartHook failed");
    return failure;
  }

  /** Its preStop hook, then the signal, all within the grace. Resolves when the container is gone. */
  async stop(pod: StoredPod, { id, container, graceMs, message }: StopOrder, podIP: string): Promise<void> {
    const { runtime, clock, log } = this.#parts;
    this.record(pod, container, "Normal", "Killing", message);
    const spec = findContainer(pod, container);
    const handler = spec?.lifecycle?.preStop;
    const started = clock.monotonic();
    if (spec !== undefined && handler !== undefined) {
      await withinGrace({ clock, graceMs }, async (signal) => {
        const failure = await runHook({ handler, container: spec, containerId: id, podIP, runtime, clock, signal });
        // A sleep that is cut short has done what it is there for. What a hook said may be a secret, so the event does not.
        if (failure === undefined || (signal.aborted && handler.sleep !== undefined)) return;
        log.info("a preStop hook failed", { pod: podText(pod), container, reason: failure });
        this.record(pod, container, "Warning", "FailedPreStopHook", "PreStopHook failed");
      });
    }
    await runtime.stopContainer(id, Math.max(graceMs - (clock.monotonic() - started), shortestGraceMs));
  }

  /** Its grace was cut while it was stopping. */
  async hurry({ id, graceMs }: StopOrder): Promise<void> {
    await this.#parts.runtime.stopContainer(id, graceMs);
  }

  async removeContainer(pod: StoredPod, { id, name, attempt }: { id: string; name: string; attempt: number }): Promise<void> {
    await this.#parts.runtime.removeContainer(id);
    await rm(this.#environment.logFile(pod, name, attempt), { force: true });
    await rm(this.#environment.terminationLog(pod, name, attempt), { force: true });
  }

  /** The API server lets go of a terminating pod only when its node says that nothing of it is left. */
  async deleteFromApi(pod: StoredPod): Promise<void> {
    const { client, signal } = this.#parts;
    const { namespace = "", name, uid } = pod.metadata;
    try {
      await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
    } catch (error) {
      if (!hasReason(error, "NotFound", "Conflict")) throw error;
    }
  }

  record(pod: StoredPod, container: string, type: "Normal" | "Warning", reason: string, message: string): void {
    const isAmong = (containers: readonly ContainerSpec[]) => containers.some(({ name }) => name === container);
    const isEphemeral = isAmong(ephemeralContainersOf(pod));
    const field = isEphemeral ? "ephemeralContainers" : isAmong(initContainersOf(pod)) ? "initContainers" : "containers";
    this.#parts.record(pod, type, reason, message, `spec.${field}{${container}}`);
  }

  /** Whose processes an ephemeral container is to see. @throws RuntimeError CreateContainerError when it does not run */
  async #target(pod: StoredPod, { name }: ContainerSpec): Promise<string | undefined> {
    const wanted = ephemeralContainersOf(pod).find((one) => one.name === name)?.targetContainerName ?? "";
    if (wanted === "") return undefined;
    const { containers } = await this.#parts.runtimeState.fresh();
    const found = containers.find((one) => one.podUid === pod.metadata.uid && one.name === wanted && one.state === "running");
    if (found === undefined) throw new RuntimeError("CreateContainerError", `unable to find target container ${wanted}`);
    return found.id;
  }

  async #create(
    pod: StoredPod,
    container: ContainerSpec,
    sandboxId: string,
    podIP: string,
    { attempt, imageId }: { attempt: number; imageId: string },
  ): Promise<string> {
    const { runtime, source, machine } = this.#parts;
    const environment = this.#environment;
    try {
      const target = await this.#target(pod, container);
      const { variables: env, skipped } = await environmentOf(container, environment.facts(pod, podIP), source);
      for (const message of skipped) this.record(pod, container.name, "Warning", "InvalidEnvironmentVariableNames", message);
      const fsGroup = specOf(pod).securityContext?.fsGroup;
      const config = containerConfig({
        pod,
        container,
        attempt,
        imageId,
        env,
        volumes: environment.volumes,
        subPaths: await environment.subPaths(pod, container, env),
        seccompDirectory: environment.seccompDirectory,
        ...(target !== undefined && { processesOf: target }),
        ownMounts: await environment.ownMounts(pod, container, attempt, podIP),
        nodeMemoryBytes: machine.memoryBytes,
        volumeGroups: fsGroup === undefined ? [] : [fsGroup],
      });
      return await runtime.createContainer(sandboxId, config);
    } catch (error) {
      const reason = error instanceof RuntimeError ? error.reason : "CreateContainerError";
      this.record(pod, container.name, "Warning", "Failed", `Error: ${(error as Error).message}`);
      throw new StartFailure(reason, (error as Error).message, { cause: error });
    }
  }
}

async function withinGrace(
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const timeUp = new AbortController();
  const done = new AbortController();
  void clock.sleep(graceMs, done.signal).then(
    () => timeUp.abort(),
    () => undefined,
  );
  await run(timeUp.signal).finally(() => done.abort());
}

export function containerOf(pod: StoredPod, name: string): ContainerSpec {
  const found = findContainer(pod, name);
  if (found === undefined) throw new Error(`the pod has no container ${name}`);
  return found;
}
