import { isDeepStrictEqual } from "node:util";
import type { ControllerRevision, Deployment, PodTemplateSpec, ReplicaSet } from "#api/generated/types";
import { compileLabelSelector, formatLabelSelector } from "#api/label-selector";
import type { LabelSelector } from "#api/generated/types";
import type { Stored } from "#api/object";
import type { Json, JsonObject } from "#api/patch/merge-patch";
import { applyStrategicMergePatch } from "#api/patch/strategic-merge-patch";
import { patchSchemaOf } from "#api/patch/patch-schema";
import type { CommandContext } from "../command.ts";
import { CliError } from "../failures.ts";
import type { LiveObject } from "../objects/each-object.ts";
import { listObjects, type ServerObject } from "../objects/requests.ts";

/** One state a workload has been in, and can go back to. */
export interface RolloutRevision {
  readonly number: number;
  readonly changeCause: string;
  /** As it is remembered: a ReplicaSet's has the hash among its labels. */
  readonly template: PodTemplateSpec;
  /** The ReplicaSet or ControllerRevision that remembers it. */
  readonly object: ServerObject;
}

const revisionAnnotation = "deployment.kubernetes.io/revision";
const changeCauseAnnotation = "kubernetes.io/change-cause";

/** The kind keeps no revisions. */
export class NoRevisions extends CliError {
  constructor(live: LiveObject) {
    super(refusal(live, "no history viewer has been implemented for", "error retrieving history for"));
  }
}

/** Kinds that run pods and still have no history. */
const others = ["Pod", "ReplicaSet", "ReplicationController", "Job", "CronJob"];

/** kubectl knows some kinds by name and has other words for the rest. */
export function refusal({ object: { kind = "" }, address: { resource } }: LiveObject, known: string, unknown: string): string {
  const text = JSON.stringify(resource.group === "" ? kind : `${kind}.${resource.group}`);
  return others.includes(kind)
    ? `${known} ${text}`
    : `${unknown} ${text}, no visitor method exists for {${resource.group} ${kind}}`;
}

/** In order, the oldest first. @throws NoRevisions */
export async function revisionsOf(context: CommandContext, live: LiveObject): Promise<readonly RolloutRevision[]> {
  const { kind = "" } = live.object;
  const ofDeployment = kind === "Deployment";
  if (!ofDeployment && kind !== "DaemonSet" && kind !== "StatefulSet") {
    throw new NoRevisions(live);
  }
  const owned = await ownedBy(context, live.object, ofDeployment ? "replicasets.apps" : "controllerrevisions.apps");
  const found = ofDeployment ? owned.map(fromReplicaSet) : owned.map((object) => fromControllerRevision(object, live));
  return found.filter(({ number }) => number > 0).toSorted((left, right) => left.number - right.number);
}

/** The ReplicaSets of a deployment: the one its template stands for, and those of earlier templates that still have pods. */
export async function replicaSetsOf(
  context: CommandContext,
  object: ServerObject,
): Promise<{ readonly current: Stored<ReplicaSet> | undefined; readonly old: readonly Stored<ReplicaSet>[] }> {
  const owned = (await ownedBy(context, object, "replicasets.apps")) as unknown as Stored<ReplicaSet>[];
  const { template } = (object as unknown as Deployment).spec ?? {};
  const isCurrent = (set: Stored<ReplicaSet>): boolean => isDeepStrictEqual(withoutHash(set.spec?.template ?? {}), template);
  const current = owned
    .toSorted((left, right) => (left.metadata.creationTimestamp < right.metadata.creationTimestamp ? -1 : 1))
    .find(isCurrent);
  return { current, old: owned.filter((set) => set !== current) };
}

/** The template without the label by which a deployment tells its ReplicaSets apart. */
export function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { "pod-template-hash": hash, ...labels } = template.metadata?.labels ?? {};
  return hash === undefined ? template : { ...template, metadata: { ...template.metadata, labels } };
}

async function ownedBy({ session, signal }: CommandContext, object: ServerObject, type: string): Promise<ServerObject[]> {
  const resource = (await session.mapper()).find(type);
  const { selector } = (object["spec"] ?? {}) as { selector?: LabelSelector };
  const labelSelector = formatLabelSelector(compileLabelSelector(selector));
  const { namespace = "", uid } = object.metadata;
  const { items } = await listObjects(session.client, { resource, namespace, labelSelector }, { signal });
  return items.filter((item) => item.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid));
}

function fromReplicaSet(object: ServerObject): RolloutRevision {
  const { annotations = {} } = object.metadata;
  const template = (object as unknown as ReplicaSet).spec?.template ?? {};
  return {
    number: Number(annotations[revisionAnnotation] ?? "0"),
    changeCause: annotations[changeCauseAnnotation] ?? "",
    template,
    object,
  };
}

function fromControllerRevision(object: ServerObject, { object: owner, address: { resource } }: LiveObject): RolloutRevision {
  const { revision, data } = object as unknown as ControllerRevision & { data?: Json };
  const schema = patchSchemaOf(resource.group, resource.version, resource.kind) ?? {};
  const restored = applyStrategicMergePatch(owner as unknown as JsonObject, (data ?? {}) as JsonObject, schema);
  return {
    number: revision,
    changeCause: object.metadata.annotations?.[changeCauseAnnotation] ?? "",
    template: (restored["spec"] as { template?: PodTemplateSpec } | undefined)?.template ?? {},
    object,
  };
}
