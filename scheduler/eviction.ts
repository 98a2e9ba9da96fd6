import type { Clock } from "#base/clock";
import { timestamp } from "#base/clock";
import type { Pod, PodCondition } from "#api/generated/types";
import { keyOf, type Stored } from "#api/object";
import { pods as podType } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "#client/api-client";
import type { EventRecorder } from "#client/event-recorder";
import { disruptionTarget } from "./preempt.ts";

export interface EvictionOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
}

/**
 * Asks victims to leave for the preemptor: each is marked, so that its controller knows that it did not fail by itself, and deleted with
 * the grace it asked for. Who is on its way out already is left alone. Resolves when all are asked.
 *
 * @throws the first failure; some may have been asked then.
 */
export async function evict(
  { client, clock, recorder }: EvictionOptions,
  { preemptor, victims, node }: { preemptor: Stored<Pod>; victims: readonly Stored<Pod>[]; node: string },
  signal: AbortSignal,
): Promise<void> {
  const staying = victims.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  await Promise.all(staying.map((victim) => ask(victim)));

  async function ask(victim: Stored<Pod>): Promise<void> {
    const { uid } = victim.metadata;
    const status = { conditions: [marked(victim, preemptor, clock)] };
    try {
      const patch = { metadata: { uid }, status };
      await client.patch(podType, keyOf(victim), { type: "strategic", patch }, { subresource: "status", signal });
      await client.delete(podType, keyOf(victim), { preconditions: { uid }, signal });
    } catch (error) {
      // Gone, or another one of its name.
      if (hasReason(error, "NotFound", "Conflict")) return;
      throw error;
    }
    recorder.event(victim, "Normal", "Preempted", `Preempted by pod ${preemptor.metadata.uid} on node ${node}`);
  }
}

function marked({ status }: Pod, preemptor: Pod, clock: Clock): PodCondition {
  const known = status?.conditions?.find(({ type }) => type === disruptionTarget.type);
  const now = timestamp(clock.now());
  return {
    ...disruptionTarget,
    status: "True",
    message: `${preemptor.spec?.schedulerName ?? "default-scheduler"}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: known?.status === "True" ? (known.lastTransitionTime ?? now) : now,
  };
}
