import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { EventRecorder } from "#client/event-recorder";
import { sharedSignal } from "#client/shared-signal";
import type { AgentParts } from "./agent-parts.ts";
import { NodeAgent } from "./agent.ts";
import type { Cgroups } from "./cgroups/cgroups.ts";
import { configSource } from "./config-source.ts";
import { ConfigWatches } from "./config-watches.ts";
import { readHostResolvConf } from "./host-resolv-conf.ts";
import type { ServerTls } from "./http/server.ts";
import type { ImageService } from "./images/image-service.ts";
import { defaultThresholds, type Observation, type Signal, type Threshold } from "./eviction/thresholds.ts";
import { type Machine, observeMachine, readMachine } from "./machine.ts";
import { networkProber, type Prober } from "./probes/run-probe.ts";
import { RuntimeState } from "./runtime-state.ts";
import { imagesWithDeadlines } from "./images/deadlines.ts";
import { runtimeWithDeadlines } from "./runtime/deadlines.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import { Turns } from "./turns.ts";
import { podVolumes, type PodVolumes } from "./volumes/pod-volumes.ts";
import { tokenSource } from "./volumes/token-source.ts";

export interface NodeAgentOptions {
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly podCidr: string;
  readonly client: ApiClient;
  readonly runtime: ContainerRuntime;
  readonly images: ImageService;
  readonly cgroups: Cgroups;
  /** Where the image service keeps what it has pulled; absent: it is not this machine's concern. */
  readonly imageDirectory?: string;
  /** Volumes and logs lie below; made when it is not there. */
  readonly stateDirectory: string;
  /** Below each controller's root, with a leading slash. */
  readonly cgroupRoot: string;
  /** How many processes and threads a pod may have; absent: as upstream's default, as many as the machine has. */
  readonly podPidsLimit?: number;
  /** Below these pods are evicted; absent: `defaultThresholds`. */
  readonly evictionThresholds?: readonly Threshold[];
  /** Absent: this machine's. */
  readonly observeMachine?: () => Promise<ReadonlyMap<Signal, Observation>>;
  /** Of the cluster's DNS service. */
  readonly clusterDns?: string;
  readonly clusterDomain?: string;
  /** Absent: nothing is served, as on hollow nodes. */
  readonly server?: { readonly tls: ServerTls; readonly port: number };
  /** Absent: the real one. */
  readonly machine?: Machine;
  readonly prober?: Prober;
  readonly volumes?: PodVolumes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Runs the pods of one node until the signal aborts; what runs then goes on running, and the next agent adopts it. Resolves when
 * everything of the agent itself has ended.
 */
export async function runNodeAgent(options: NodeAgentOptions): Promise<void> {
  const { nodeName, podCidr, client, clock, random, stateDirectory, clusterDns, server } = options;
  const signal = sharedSignal(options.signal);
  const runtime = runtimeWithDeadlines(options.runtime, { clock, signal });
  const runtimeState = new RuntimeState({ runtime, clock });
  const directories = { pods: join(stateDirectory, "pods"), logs: join(stateDirectory, "logs") };
  await mkdir(directories.pods, { recursive: true, mode: 0o750 });
  await mkdir(directories.logs, { recursive: true });
  const recorder = new EventRecorder({ ...options, component: "kubelet", host: nodeName });
  const source = configSource({ client, clock });
  const tokens = tokenSource({ client, clock, random });
  const machine = options.machine ?? (await readMachine(stateDirectory));
  const parts: AgentParts = {
    ...options,
    signal,
    runtime,
    runtimeState,
    images: imagesWithDeadlines(options.images, { clock, signal }),
    runtimeName: await nameOf(runtime),
    directories,
    source,
    tokens,
    volumes: options.volumes ?? podVolumes({ watches: new ConfigWatches({ ...options, source, signal }), tokens }),
    prober: options.prober ?? networkProber(runtime),
    evictionThresholds: options.evictionThresholds ?? defaultThresholds,
    observeMachine: options.observeMachine ?? (() => observeMachine(stateDirectory, options.imageDirectory)),
    machine,
    turns: new Turns({ clock, atOnce: startsPerCpu * machine.cpus }),
    dns: {
      ...(clusterDns !== undefined && { clusterDns }),
      clusterDomain: options.clusterDomain ?? "cluster.local",
      hostResolvConf: await readHostResolvConf(),
    },
    record: (object, type, reason, message, fieldPath) => recorder.event(object, type, reason, message, fieldPath),
  };
  try {
    await new NodeAgent({ parts, podCidr, ...(server && { server }) }).run();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** One waits for a program or a disk while another is at work. */
const startsPerCpu = 2;

/** `crun` of `crun://1.8.1`. */
async function nameOf(runtime: ContainerRuntime): Promise<string> {
  const { version } = await runtime.info();
  return version.slice(0, version.indexOf("://"));
}
