import type { PodStatus } from "#api/generated/types";
import { pods } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiWriter } from "#client/api-client";
import { Backoff } from "#client/backoff";
import type { StoredPod } from "./pod-spec.ts";

export interface StatusWriterOptions {
  readonly client: ApiWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Writes the status of one pod: one request at a time, always the newest, until it has arrived or the pod is gone. Never blocks
 * whoever sets it.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #wanted: { readonly pod: StoredPod; readonly status: PodStatus } | undefined;
  #written: PodStatus | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  set(pod: StoredPod, status: PodStatus): void {
    this.#wanted = { pod, status };
    this.#writing ??= this.#write();
  }

  /** Resolves when what was set last is written or given up. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { client, log, signal } = this.#options;
    // Never done before `#writing` is set.
    await Promise.resolve();
    const backoff = new Backoff({ ...this.#options, initialMs: 200, maxMs: 10_000 });
    while (this.#wanted !== undefined && !signal.aborted) {
      const { pod, status } = this.#wanted;
      const before = this.#written ?? pod.status ?? {};
      this.#wanted = undefined;
      if (same(before, status)) continue;
      const key = { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name };
      try {
        await client.patch(
          pods,
          key,
          { type: "strategic", patch: statusPatch(pod, before, status) },
          { subresource: "status", signal },
        );
        this.#written = status;
        backoff.reset();
      } catch (error) {
        // Gone, or another pod of that name: nobody is left to be told.
        if (hasReason(error, "NotFound", "Conflict")) continue;
        log.warn("a pod's status could not be written", { pod: `${key.namespace}/${key.name}`, error });
        if (hasReason(error, "Invalid", "BadRequest", "Forbidden")) continue;
        this.#wanted ??= { pod, status };
        await backoff.wait(signal).catch(() => undefined);
      }
    }
    this.#writing = undefined;
  }
}

/** Lists of conditions and addresses are merged by the server, so what is no longer there must be said. */
export function statusPatch(pod: StoredPod, before: PodStatus, after: PodStatus): object {
  const gone = Object.keys(before).filter((key) => !(key in after));
  const conditions = after.conditions?.map((condition) => {
    const old = before.conditions?.find(({ type }) => type === condition.type) ?? {};
    return { ...Object.fromEntries(Object.keys(old).map((key) => [key, null])), ...condition };
  });
  const moved = before.podIPs !== undefined && after.podIPs !== undefined && !same(before.podIPs, after.podIPs);
  return {
    metadata: { uid: pod.metadata.uid },
    status: {
      ...Object.fromEntries(gone.map((key) => [key, null])),
      ...after,
      ...(conditions !== undefined && { conditions }),
      ...(moved && { podIPs: [{ $patch: "replace" }, ...(after.podIPs ?? [])] }),
    },
  };
}

/** Key order aside. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (Array.isArray(a) !== Array.isArray(b) || keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => key in b && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}
