import type { KubeObject, ObjectKey, Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import type { StatusError } from "#api/status";
import type { Patch } from "#client/api-client";
import type { EventType } from "#client/event-recorder";

/** What one pass over an object decided. Plain data: nothing has happened yet. */
export interface Plan {
  /** In order. The first failure ends the pass. What depends on an earlier step's result is left to the next pass. */
  readonly steps: readonly Step[];
  readonly requeueAfterMs?: number;
}

export type Step =
  | Write
  /** Writes that do not depend on each other: 1, 2, 4 … at a time, so that what fails once fails rarely and not a thousand times. */
  | { readonly type: "slowStart"; readonly writes: readonly Write[] }
  /** All at once; one failure does not keep the others back. */
  | { readonly type: "together"; readonly writes: readonly Write[] }
  /** To be told where nothing is written. */
  | { readonly type: "announce"; readonly about: KubeObject; readonly notice: Notice };

export type Write = (
  | { readonly type: "create"; readonly resource: ResourceType; readonly object: KubeObject }
  /** Compare-and-swap against the version that the object carries. */
  | {
      readonly type: "update";
      readonly resource: ResourceType;
      readonly object: Stored<KubeObject>;
      readonly subresource?: string;
    }
  /** Only of the object with this uid. */
  | {
      readonly type: "patch";
      readonly resource: ResourceType;
      readonly target: Stored<KubeObject>;
      readonly patch: Patch;
      readonly subresource?: string;
    }
  /** Only of the object with this uid. That it is gone already is success. */
  | {
      readonly type: "delete";
      readonly resource: ResourceType;
      readonly target: Stored<KubeObject>;
      readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
      /** Only while it is as the plan saw it; otherwise the write fails with a conflict. */
      readonly unchanged?: true;
      /** 0: at once, whoever is still busy with it. Absent: as the object says. */
      readonly gracePeriodSeconds?: number;
    }
) & { readonly announce?: Announcement };

/** What to tell people about a write, as an event on `about`. */
export interface Announcement {
  readonly about: KubeObject;
  /** Given what the server answered, e.g. the name it made. */
  readonly done?: (result: KubeObject) => Notice;
  /** Undefined: not worth telling. */
  readonly failed?: (error: StatusError) => Notice | undefined;
}

export interface Notice {
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
}

export type Outcome =
  /** `object` is absent for deletions. */
  | { readonly type: "done"; readonly write: Write; readonly object?: Stored<KubeObject> }
  | { readonly type: "failed"; readonly write: Write; readonly error: StatusError }
  /** An earlier failure came first. */
  | { readonly type: "skipped"; readonly write: Write };

/** Written through the status subresource if it differs from what `object` has. */
export interface StatusWrite {
  readonly resource: ResourceType;
  readonly object: Stored<KubeObject>;
  readonly status: object;
}

export const nothingToDo: Plan = { steps: [] };

/** The writes of all steps, in order. */
export function writesOf(steps: readonly Step[]): readonly Write[] {
  return steps.flatMap((step) => {
    if (step.type === "announce") return [];
    return step.type === "slowStart" || step.type === "together" ? step.writes : [step];
  });
}

export function failures(outcomes: readonly Outcome[]): readonly Extract<Outcome, { type: "failed" }>[] {
  return outcomes.filter((outcome) => outcome.type === "failed");
}

/** Where a write goes. What is created under a generated name has none yet. */
export function targetOf(write: Write): ObjectKey {
  const { namespace = "", name = "" } = (write.type === "create" || write.type === "update" ? write.object : write.target)
    .metadata;
  return { namespace, name };
}
