import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiClient } from "#client/api-client";
import type { Cgroups } from "./cgroups/cgroups.ts";
import { fakeImages } from "./images/fake-images.ts";
import type { Machine } from "./machine.ts";
import type { NodeAgentOptions } from "./main.ts";
import { specOf } from "./pod-spec.ts";
import { FakeRuntime, type FakeRuntimeOptions } from "./runtime/fake-runtime.ts";
import type { PodVolumes } from "./volumes/pod-volumes.ts";

export interface HollowNodeOptions {
  readonly nodeName: string;
  readonly nodeAddress: string;
  /** E.g. `10.244.7.0/24`; pods are given its addresses. */
  readonly podCidr: string;
  readonly client: ApiClient;
  readonly stateDirectory: string;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly program?: FakeRuntimeOptions["program"];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** A node that is real to the cluster and runs nothing: hand the result to `runNodeAgent`. */
export function hollowNode(options: HollowNodeOptions): NodeAgentOptions & { readonly runtime: FakeRuntime } {
  const { clock, program, podCidr, cpus = 8, memoryBytes = 32 * 2 ** 30, ...rest } = options;
  const addressPrefix = podCidr.split(".").slice(0, 3).join(".");
  return {
    ...rest,
    clock,
    podCidr,
    runtime: new FakeRuntime({ clock, addressPrefix, ...(program && { program }) }),
    images: fakeImages({ clock }),
    cgroups: noCgroups,
    cgroupRoot: "/hollow",
    observeMachine: async () => new Map(),
    machine: hollowMachine(options.nodeName, cpus, memoryBytes),
    prober: async () => ({ ok: true, message: "" }),
    volumes: noVolumes,
  };
}

const noVolumes: PodVolumes = {
  setUp: async ({ pod }) =>
    new Map((specOf(pod).volumes ?? []).map(({ name }) => [name, { hostPath: `/hollow/${name}`, readOnly: false }])),
  tearDown: async () => undefined,
  bindSubPath: async ({ hostPath, subPath }) => `${hostPath}/${subPath}`,
};

/** Nothing runs, so nothing is to be limited. */
const noCgroups: Cgroups = {
  version: 2,
  ensure: async () => undefined,
  remove: async () => undefined,
  children: async () => [],
};

function hollowMachine(nodeName: string, cpus: number, memoryBytes: number): Machine {
  return {
    cpus,
    memoryBytes,
    storageBytes: 100 * 2 ** 30,
    system: {
      machineID: nodeName,
      systemUUID: nodeName,
      bootID: nodeName,
      kernelVersion: "hollow",
      osImage: "Hollow",
      operatingSystem: "linux",
      architecture: "amd64",
    },
  };
}
