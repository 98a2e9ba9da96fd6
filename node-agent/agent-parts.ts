import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { KubeObject } from "#api/object";
import type { ApiClient } from "#client/api-client";
import type { Cgroups } from "./cgroups/cgroups.ts";
import type { ConfigSource } from "./config-source.ts";
import type { Observation, Signal, Threshold } from "./eviction/thresholds.ts";
import type { ImageService } from "./images/image-service.ts";
import type { Machine } from "./machine.ts";
import type { DnsSettings } from "./pod-files.ts";
import type { Prober } from "./probes/run-probe.ts";
import type { RuntimeState } from "./runtime-state.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import type { PodVolumes } from "./volumes/pod-volumes.ts";
import type { Turns } from "./turns.ts";
import type { TokenSource } from "./volumes/token-source.ts";

export type EventType = "Normal" | "Warning";

/** Tells people about an object; `fieldPath` names the container, as upstream does. */
export type RecordEvent = (object: KubeObject, type: EventType, reason: string, message: string, fieldPath?: string) => void;

/** What the pods of one node are run with. */
export interface AgentParts {
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly client: ApiClient;
  readonly runtime: ContainerRuntime;
  readonly runtimeState: RuntimeState;
  /** `crun` in `crun://ID`. */
  readonly runtimeName: string;
  readonly images: ImageService;
  readonly cgroups: Cgroups;
  readonly cgroupRoot: string;
  /** Of all containers of a pod together; absent: as many as the machine has. */
  readonly podPidsLimit?: number;
  readonly evictionThresholds: readonly Threshold[];
  readonly observeMachine: () => Promise<ReadonlyMap<Signal, Observation>>;
  readonly directories: AgentDirectories;
  readonly source: ConfigSource;
  readonly tokens: TokenSource;
  readonly volumes: PodVolumes;
  readonly prober: Prober;
  readonly dns: DnsSettings;
  readonly machine: Machine;
  /** For the steps of starting pods. */
  readonly turns: Turns;
  readonly record: RecordEvent;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface AgentDirectories {
  /** A folder for each pod uid: volumes, the files of /etc, termination logs. */
  readonly pods: string;
  /** A folder for each pod: NAMESPACE_NAME_UID/CONTAINER/ATTEMPT.log */
  readonly logs: string;
}
