import { sameJson } from "#base/same-json";
import type { Clock } from "#base/clock";
import { keyOf, type KubeObject, type Stored } from "#api/object";
import { hasReason, StatusError } from "#api/status";
import type { ApiClient } from "#client/api-client";
import type { EventRecorder } from "#client/event-recorder";
import { type Notice, type Outcome, type StatusWrite, type Step, type Write, writesOf } from "./plan.ts";

export interface ExecutorOptions {
  readonly client: ApiClient;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
}

const throttledAttempts = 5;

/** Makes a plan's steps happen. The only place where controllers write. */
export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** One outcome for each write, in order. Rejects only with the signal's reason. */
  async execute(steps: readonly Step[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const step of steps) {
      const failed = outcomes.some((outcome) => outcome.type === "failed");
      outcomes.push(...(failed ? skip(writesOf([step])) : await this.#step(step, signal)));
    }
    return outcomes;
  }

  /** Undefined when the status is already so. The version to replace is the newest that the steps brought about. */
  async writeStatus(write: StatusWrite, outcomes: readonly Outcome[], signal: AbortSignal): Promise<Outcome | undefined> {
    const latest = newest(write.object, outcomes);
    if (sameJson((latest as { status?: object }).status ?? {}, write.status)) return undefined;
    const object = { ...latest, status: write.status };
    return this.#write({ type: "update", resource: write.resource, object, subresource: "status" }, signal);
  }

  async #step(step: Step, signal: AbortSignal): Promise<readonly Outcome[]> {
    switch (step.type) {
      case "slowStart":
        return this.#slowStart(step.writes, signal);
      case "together":
        return Promise.all(step.writes.map((write) => this.#write(write, signal)));
      case "announce":
        this.#tell(step.about, step.notice);
        return [];
      default:
        return [await this.#write(step, signal)];
    }
  }

  async #slowStart(writes: readonly Write[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    for (let size = 1; outcomes.length < writes.length; size *= 2) {
      const batch = writes.slice(outcomes.length, outcomes.length + size);
      outcomes.push(...(await Promise.all(batch.map((write) => this.#write(write, signal)))));
      if (outcomes.some((outcome) => outcome.type === "failed")) return [...outcomes, ...skip(writes.slice(outcomes.length))];
    }
    return outcomes;
  }

  async #write(write: Write, signal: AbortSignal): Promise<Outcome> {
    const outcome = await this.#attempt(write, signal);
    this.#announce(outcome);
    return outcome;
  }

  /** Only what the server refused to begin is tried again here. Whatever may have happened is for the next pass to find out. */
  async #attempt(write: Write, signal: AbortSignal): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      try {
        const object = await this.#send(write, signal);
        return { type: "done", write, ...(object !== undefined && { object }) };
      } catch (error) {
        signal.throwIfAborted();
        if (!hasReason(error, "TooManyRequests") || attempt === throttledAttempts) return failed(write, error);
        await this.#options.clock.sleep((error.details.retryAfterSeconds ?? 1) * 1000, signal);
      }
    }
  }

  async #send(write: Write, signal: AbortSignal): Promise<Stored<KubeObject> | undefined> {
    const { client } = this.#options;
    switch (write.type) {
      case "create":
        return client.create(write.resource, write.object, { signal });
      case "update":
        return client.update(write.resource, write.object, { signal, ...subresourceOf(write) });
      case "patch":
        return client.patch(write.resource, keyOf(write.target), withUid(write), { signal, ...subresourceOf(write) });
      case "delete":
        await this.#delete(write, signal);
        return undefined;
    }
  }

  async #delete(write: Extract<Write, { type: "delete" }>, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion } = write.target.metadata;
    const { propagationPolicy, gracePeriodSeconds, unchanged = false } = write;
    try {
      const how = {
        preconditions: { uid, ...(unchanged && { resourceVersion }) },
        ...(propagationPolicy !== undefined && { propagationPolicy }),
        ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
      };
      await this.#options.client.delete(write.resource, keyOf(write.target), { ...how, signal });
    } catch (error) {
      // Gone, or another of the same name by now.
      const isGone = hasReason(error, "NotFound") || (!unchanged && hasReason(error, "Conflict"));
      if (!isGone) throw error;
    }
  }

  #announce(outcome: Outcome): void {
    const { announce } = outcome.write;
    if (announce === undefined || outcome.type === "skipped") return;
    const notice =
      outcome.type === "failed"
        ? announce.failed?.(outcome.error)
        : announce.done?.(outcome.object ?? ("target" in outcome.write ? outcome.write.target : outcome.write.object));
    if (notice !== undefined) this.#tell(announce.about, notice);
  }

  #tell(about: KubeObject, { type, reason, message }: Notice): void {
    this.#options.recorder.event(about, type, reason, message);
  }
}

function skip(writes: readonly Write[]): readonly Outcome[] {
  return writes.map((write) => ({ type: "skipped", write }));
}

function failed(write: Write, error: unknown): Outcome {
  if (error instanceof StatusError) return { type: "failed", write, error };
  const message = error instanceof Error ? error.message : String(error);
  return { type: "failed", write, error: new StatusError("InternalError", message, {}, { cause: error }) };
}

/** A uid in a patch that is not the object's is refused as a conflict. JSON patches test it. */
function withUid({ patch, target }: Extract<Write, { type: "patch" }>) {
  const { uid } = target.metadata;
  if (patch.type === "json") {
    return { ...patch, operations: [{ op: "test", path: "/metadata/uid", value: uid }, ...patch.operations] };
  }
  const metadata = (patch.patch as { metadata?: object }).metadata ?? {};
  return { ...patch, patch: { ...patch.patch, metadata: { ...metadata, uid } } };
}

function newest(object: Stored<KubeObject>, outcomes: readonly Outcome[]): Stored<KubeObject> {
  const same = outcomes.flatMap((outcome) =>
    outcome.type === "done" && outcome.object?.metadata.uid === object.metadata.uid ? [outcome.object] : [],
  );
  return same.at(-1) ?? object;
}

function subresourceOf({ subresource }: { readonly subresource?: string }): { subresource?: string } {
  return subresource === undefined ? {} : { subresource };
}
