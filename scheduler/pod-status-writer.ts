import type { Clock } from "#base/clock";
import { timestamp } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Pod, PodCondition } from "#api/generated/types";
import { keyOf, keyText, type Stored } from "#api/object";
import { pods as podType } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "#client/api-client";

export interface PodStatusWriterOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface NotScheduled {
  readonly reason: string;
  readonly message: string;
  /** Undefined leaves it, empty takes it away. */
  readonly nominatedNodeName?: string;
}

/** Tells people and other programs, in a pod's status, how it stands with its place. */
export class PodStatusWriter {
  readonly #options: PodStatusWriterOptions;

  constructor(options: PodStatusWriterOptions) {
    this.#options = options;
  }

  /** Writes only what is new. Never throws: whoever comes by the pod next writes it again. */
  async notScheduled(pod: Stored<Pod>, { reason, message, nominatedNodeName }: NotScheduled, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const known = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    const isSaid = known?.status === "False" && known.reason === reason && known.message === message;
    const isNominated = nominatedNodeName === undefined || nominatedNodeName === (pod.status?.nominatedNodeName ?? "");
    if (isSaid && isNominated) return;
    const now = timestamp(clock.now());
    const lastTransitionTime = known?.status === "False" ? (known.lastTransitionTime ?? now) : now;
    const condition: PodCondition = { type: "PodScheduled", status: "False", reason, message, lastTransitionTime };
    await this.#patch(pod, { conditions: [condition], ...(!isNominated && nominated(nominatedNodeName)) }, signal);
  }

  /** Its room is given to somebody else. */
  async notNominated(pod: Stored<Pod>, signal: AbortSignal): Promise<void> {
    await this.#patch(pod, nominated(""), signal);
  }

  async #patch(pod: Stored<Pod>, status: object, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    const patch = { metadata: { uid: pod.metadata.uid }, status };
    try {
      await client.patch(podType, keyOf(pod), { type: "strategic", patch }, { subresource: "status", signal });
    } catch (error) {
      if (signal.aborted || hasReason(error, "NotFound", "Conflict")) return;
      log.warn("could not write a pod's status", { pod: keyText(keyOf(pod)), reason: (error as Error).message });
    }
  }
}

function nominated(node: string): object {
  return { nominatedNodeName: node === "" ? null : node };
}
