import type { ImageState } from "./images/image-puller.ts";
import type { ContainerSpec, StoredPod } from "./pod-spec.ts";
import type { ProbeState } from "./probes/probe-state.ts";
import type { RestartBackoff } from "./restart-backoff.ts";
import type { Container, Sandbox } from "./runtime/runtime.ts";

/** Everything that decides what happens next to one pod, at one moment. */
export interface PodView {
  readonly pod: StoredPod;
  /** Steady time (steady-time.ts), milliseconds. */
  readonly now: number;
  /** What really is there, of every attempt. Starts that failed are among them, as exited. */
  readonly sandboxes: readonly Sandbox[];
  readonly containers: readonly Container[];
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeState>;
  /** How the postStart hooks of running containers went, by container id. Absent: not begun, as far as is known. */
  readonly postStarts: ReadonlyMap<string, PostStart>;
  /** By container name, for its next start. */
  readonly images: ReadonlyMap<string, ImageState>;
  /** By container name. */
  readonly backoffs: ReadonlyMap<string, RestartBackoff>;
  /** Containers told to stop, with the time at which they will be killed. */
  readonly stopping: ReadonlyMap<string, number>;
  /** Cgroup, folders and volumes; unknown after a restart of the agent. Stale: they hold, and show something old. */
  readonly setUp: "up" | "down" | "unknown" | "stale";
  /** Setting up failed: not again before this. */
  readonly retryAt?: number;
  /** The pod is to be gone by then: it was deleted, or is not in the API any more. */
  readonly goneBy?: number;
  /** It is to end for good on this node although nobody deleted it. */
  readonly eviction?: Eviction;
}

export type PostStart = "running" | "done" | "failed";

export interface Eviction {
  readonly verdict: { readonly reason: string; readonly message: string; readonly disrupts?: boolean };
  /** Steady time (steady-time.ts), milliseconds. */
  readonly by: number;
}

export interface Waiting {
  readonly reason: string;
  readonly message?: string;
}

export function isAlive({ state }: Container): boolean {
  return state === "running" || state === "unknown";
}

/** It runs, but counts as started only once its hook has succeeded. */
export function awaitsPostStart({ id }: Container, spec: ContainerSpec, postStarts: PodView["postStarts"]): boolean {
  return spec.lifecycle?.postStart !== undefined && postStarts.get(id) !== "done";
}

export function currentSandbox(sandboxes: readonly Sandbox[]): Sandbox | undefined {
  return newest(sandboxes.filter(({ state }) => state === "ready"));
}

export function newest<T extends { readonly attempt: number }>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>((last, next) => (last === undefined || next.attempt > last.attempt ? next : last), undefined);
}
