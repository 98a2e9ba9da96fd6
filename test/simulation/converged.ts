import type { Deployment, Node, ReplicaSet } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import {
  behaviourOf,
  type Cluster,
  controllerOf,
  hasEnded,
  isActive,
  isAvailable,
  isGoing,
  isReady,
  templateText,
} from "./cluster.ts";

/** What is not yet as people asked for it, once everything has had time to come to rest. Empty: nothing. */
export function whatIsLeftToDo(cluster: Cluster): readonly string[] {
  return [...cluster.objects].flatMap((object) => complaints(object, cluster).map((what) => `${nameOf(object)} ${what}`));
}

function complaints(object: Stored<KubeObject>, cluster: Cluster): readonly string[] {
  if (isGoing(object)) return [`has been going since ${object.metadata.deletionTimestamp ?? ""}`];
  const { namespace } = object.metadata;
  if (namespace !== undefined && cluster.namespace(namespace) === undefined) return ["is in a namespace that is not there"];
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length > 0 && owners.every(({ uid }) => cluster.byUid(uid) === undefined)) return ["has lost all its owners"];
  switch (object.kind) {
    case "Deployment":
      return ofDeployment(object, cluster);
    case "ReplicaSet":
      return ofReplicaSet(object, cluster);
    case "Pod":
      return ofPod(object, cluster);
    case "Node":
      return ofNode(object);
    default:
      return [];
  }
}

function ofDeployment(deployment: Stored<Deployment>, cluster: Cluster): readonly string[] {
  const { spec, status, metadata } = deployment;
  const wanted = spec?.replicas ?? 1;
  const sets = cluster.replicaSetsOf(deployment);
  const current = sets.filter((set) => templateText(set) === templateText(deployment));
  const [only] = current;
  if (only === undefined || current.length > 1) return [`has ${current.length} ReplicaSets of its template`];
  const old = sets.filter((set) => set !== only);
  const counts = [
    status?.replicas ?? 0,
    status?.updatedReplicas ?? 0,
    status?.readyReplicas ?? 0,
    status?.availableReplicas ?? 0,
    status?.unavailableReplicas ?? 0,
  ];
  const revision = (object: KubeObject): number => Number(object.metadata.annotations?.["deployment.kubernetes.io/revision"]);
  return [
    ...complain(only.spec?.replicas !== wanted, `wants ${wanted} and its ReplicaSet ${only.spec?.replicas ?? 1}`),
    ...complain(
      old.some((set) => set.spec?.replicas !== 0),
      "has replicas of old templates",
    ),
    ...complain(old.length > (spec?.revisionHistoryLimit ?? 10), `keeps ${old.length} old ReplicaSets`),
    ...complain(counts.join() !== [wanted, wanted, wanted, wanted, 0].join(), `says ${counts.join()} of ${wanted}`),
    ...complain(status?.observedGeneration !== metadata.generation, "has not been looked at since it was changed"),
    ...complain(revision(deployment) !== revision(only), "names another revision than its ReplicaSet"),
    ...complain(
      old.some((set) => revision(set) >= revision(only)),
      "has an old ReplicaSet of a newer revision",
    ),
    ...complain(!hasCondition(deployment, "Available"), "does not say that it is available"),
    ...complain(!hasCondition(deployment, "Progressing"), "does not say that it made progress"),
  ];
}

function ofReplicaSet(set: Stored<ReplicaSet>, cluster: Cluster): readonly string[] {
  const wanted = set.spec?.replicas ?? 1;
  const active = cluster.podsOf(set).filter(isActive);
  const available = active.filter((pod) => isAvailable(pod, set.spec?.minReadySeconds ?? 0, cluster.now)).length;
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0, observedGeneration } = set.status ?? {};
  const ready = active.filter(isReady).length;
  return [
    ...complain(active.length !== wanted, `has ${active.length} pods of ${wanted}`),
    ...complain(
      [replicas, readyReplicas, availableReplicas].join() !== [active.length, ready, available].join(),
      `says ${[replicas, readyReplicas, availableReplicas].join()} where there are ${[active.length, ready, available].join()}`,
    ),
    ...complain(observedGeneration !== set.metadata.generation, "has not been looked at since it was changed"),
  ];
}

function ofPod(pod: Stored<KubeObject>, cluster: Cluster): readonly string[] {
  const { nodeName } = (pod as { spec?: { nodeName?: string } }).spec ?? {};
  if (nodeName === undefined) return ["has no node"];
  const owner = controllerOf(pod);
  return [
    ...complain(cluster.node(nodeName) === undefined, `is on ${nodeName}, which is not there`),
    ...complain(!isReady(pod) && !hasEnded(pod) && behaviourOf(pod) !== "broken", "is not ready"),
    ...complain(owner !== undefined && cluster.byUid(owner.uid) === undefined, "has lost its controller"),
  ];
}

function ofNode({ spec, status }: Stored<Node>): readonly string[] {
  const ready = status?.conditions?.find(({ type }) => type === "Ready")?.status;
  const taints = (spec?.taints ?? [])
    .map(({ key, effect }) => `${key}:${effect}`)
    .filter((taint) => !taint.startsWith("example.com/reserved"));
  return [...complain(ready !== "True", "is not ready"), ...complain(taints.length > 0, `has ${taints.join()}`)];
}

function hasCondition({ status }: Deployment, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;
}

function complain(wrong: boolean, what: string): readonly string[] {
  return wrong ? [what] : [];
}

function nameOf({ kind, metadata }: Stored<KubeObject>): string {
  return `${kind ?? ""} ${metadata.namespace ?? ""}/${metadata.name}`;
}
