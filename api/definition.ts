import type { FieldError } from "./field-error.ts";
import type { KubeObject } from "./object.ts";
import type { ResourceType } from "./resource-type.ts";

/**
 * Everything the API server, kubectl and the docs need to know about one kind, in one file beside the others. All of it is pure:
 * no function reads a clock or another object.
 */
export interface ResourceDefinition<T extends KubeObject = KubeObject> extends TableDefinition<T> {
  readonly type: ResourceType<T>;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** The first is the hub: the form that is stored and has all fields of all versions. */
  readonly versions: readonly VersionDefinition[];
  /** The rules for `metadata.name`; absent: a DNS subdomain. @returns upstream's complaints. */
  readonly validateName?: (name: string) => string[];
  withDefaults?(object: T): T;
  /** Sets what a client may not choose, e.g. the first status. Runs after defaults. */
  prepareForCreate?(object: T): T;
  /** Who may change what: takes back what this way of updating must not touch. The status is already kept, see `hasStatus`. */
  prepareForUpdate?(next: T, old: T, subresource: string | undefined): T;
  validate?(object: T): FieldError[];
  /** Besides `validate`, for an object that is about to be made. */
  validateCreate?(object: T): FieldError[];
  validateUpdate?(next: T, old: T, subresource: string | undefined): FieldError[];
  warnings?(object: T, old: T | undefined): string[];
  /** Field selectors besides metadata.name and metadata.namespace. */
  selectableFields?(object: T): Readonly<Record<string, string>>;
  /** Serves `/status`; an ordinary update keeps the stored status, an update of the status keeps everything else. */
  readonly hasStatus?: boolean;
  /** Counts changes of everything but metadata and status in `metadata.generation`. */
  readonly tracksGeneration?: boolean;
  readonly scale?: ScaleDefinition<T>;
  /** Kept this long after the last write, then gone. */
  readonly expiresAfterSeconds?: number;
  /** The grace period of a delete; 0 removes at once. Absent: always at once. `requested` is what the client asked for. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number;
  /** What a delete changes on an object that lives on, e.g. a phase. */
  markDeleted?(object: T): T;
  /** Reasons other than metadata.finalizers why a deleted object must stay for now. */
  heldBy?(object: T): readonly string[];
  /** A delete that leaves nothing answers with the object as it last was, not with a Status. */
  readonly answersDeleted?: boolean;
  /** What to do with dependents when the client does not say. Absent: background. */
  readonly defaultPropagation?: "background" | "orphan";
  /** Can be looked at and not be made. */
  readonly readOnly?: boolean;
  /** A PUT to a name that does not exist creates it. */
  readonly allowCreateOnUpdate?: boolean;
  /** A PUT without resourceVersion is refused. Absent: it replaces whatever is there. */
  readonly requiresResourceVersion?: boolean;
}

/** How kubectl prints a kind. */
export interface TableDefinition<T extends KubeObject = KubeObject> {
  readonly tableColumns: readonly TableColumn[];
  /** One cell a column. The name comes first by itself, unless a column is called Name. */
  tableRow(object: T, now: number): readonly TableCell[];
}

/** A kind that is asked and not kept, e.g. TokenReview: it can be created and nothing else, and the answer is made for the asker. */
export interface ReviewDefinition<T extends KubeObject = KubeObject> {
  readonly type: ResourceType<T>;
  readonly singular: string;
  readonly versions: readonly VersionDefinition[];
  readonly isReview: true;
  validate?(question: T): FieldError[];
}

/** What discovery and OpenAPI speak of. */
export type ServedDefinition = ResourceDefinition | ReviewDefinition;

export interface VersionDefinition {
  readonly version: string;
  /** OpenAPI name in the schema data. */
  readonly schema: string;
  /** Absent for the hub itself. */
  readonly toHub?: (object: KubeObject) => KubeObject;
  readonly fromHub?: (object: KubeObject) => KubeObject;
}

export interface TableColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: 0 | 1;
}

export type TableCell = string | number | boolean | null;

/** How autoscaling/v1 Scale reads and writes a kind. */
export interface ScaleDefinition<T extends KubeObject> {
  replicas(object: T): number;
  withReplicas(object: T, replicas: number): T;
  statusReplicas(object: T): number;
  /** In the form of a label selector's text. */
  selector(object: T): string;
}
