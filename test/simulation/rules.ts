import type { Deployment, Node, Pod, ReplicaSet, Taint } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import {
  type Cluster,
  controllerOf,
  hasEnded,
  isActive,
  isAvailable,
  isGoing,
  isReady,
  selects,
  share,
  templateText,
} from "./cluster.ts";
import type { Write } from "./history.ts";

/** What must be so after every single write. `check` is asked once the cluster shows the write, and says what is wrong. */
export interface Rule {
  readonly name: string;
  check(write: Write, cluster: Cluster): string | undefined;
}

/** `calm`: nothing but the controllers takes pods away, so that what is available is theirs to answer for. */
export function safetyRules({ calm }: { readonly calm: boolean }): readonly Rule[] {
  return [
    identity,
    boundOnce,
    withinAllocatable,
    fitsItsNode,
    noMorePodsThanReplicas,
    oneReplicaSetPerTemplate,
    noMoreThanSurge,
    ...(calm ? [enoughAvailable()] : []),
    recreateNeverOverlaps,
    worstPodsFirst(),
    deletedForAReason(),
    toleratedForAsLongAsSaid(),
    ownersThatLiveKeepWhatTheyOwn,
    dependentsFirst,
    oneController,
    nothingOutlivesItsNamespace,
    oneLeader,
  ];
}

const identity: Rule = {
  name: "an object stays itself until it is gone",
  check({ before, after }) {
    if (before === undefined) return undefined;
    if (after === undefined) {
      // Who takes the last one away removes it in the same write.
      const left = before.metadata.finalizers ?? [];
      return left.length > 1 ? `removed with finalizers ${left.join()}` : undefined;
    }
    if (after.metadata.uid !== before.metadata.uid) return "another uid in the same place, without a deletion between";
    if (isGoing(before) && !isGoing(after)) return "its deletion was taken back";
    if ((after.metadata.generation ?? 0) < (before.metadata.generation ?? 0)) return "its generation went back";
    return undefined;
  },
};

const boundOnce: Rule = {
  name: "no pod is bound twice",
  check({ before, after }) {
    const [was, is] = [nodeOf(before), nodeOf(after)];
    return after !== undefined && was !== "" && was !== is ? `moved from ${was} to ${is}` : undefined;
  },
};

const withinAllocatable: Rule = {
  name: "no node is over its allocatable",
  check(write, cluster) {
    const name = newlyBound(write);
    const node = name === undefined ? undefined : cluster.node(name);
    if (node === undefined) return undefined;
    const there = cluster.pods.filter((pod) => nodeOf(pod) === name && !hasEnded(pod));
    const allocatable = node.status?.allocatable ?? {};
    if (there.length > Number(allocatable["pods"] ?? 0)) return `${there.length} pods on ${name ?? ""}`;
    const cpu = there.reduce((sum, pod) => sum + cpuOf(pod), 0);
    return cpu > milli(allocatable["cpu"]) ? `${cpu}m of CPU asked of ${name ?? ""}` : undefined;
  },
};

/** Judged by what the scheduler may have seen: a node that was fit at some moment of the window will do. */
const fitsItsNode: Rule = {
  name: "a pod is bound where it fits",
  check(write, cluster) {
    const name = newlyBound(write);
    if (name === undefined) return undefined;
    const pod = write.after as Stored<Pod>;
    const others = cluster.pods.filter((other) => nodeOf(other) === name && !hasEnded(other) && other !== pod);
    const port = others.find((other) => hostPortsOf(other).some((taken) => hostPortsOf(pod).includes(taken)));
    if (port !== undefined) return `${name} has its host port taken by ${port.metadata.name}`;
    const states = cluster.lately(`/registry/nodes/${name}`) as (Stored<Node> | undefined)[];
    return states.some((node) => node !== undefined && accepts(node, pod)) ? undefined : `${name} has not been fit for it`;
  },
};

const noMorePodsThanReplicas: Rule = {
  name: "a ReplicaSet makes no more pods than it has replicas",
  check({ before, after }, cluster) {
    if (before !== undefined || after?.kind !== "Pod") return undefined;
    const owner = cluster.byUid(controllerOf(after)?.uid ?? "") as Stored<ReplicaSet> | undefined;
    if (owner?.kind !== "ReplicaSet") return undefined;
    const most = Math.max(...(lately(cluster, owner) as ReplicaSet[]).map(replicasOf));
    const active = cluster.podsOf(owner).filter(isActive).length;
    return active > most ? `${active} pods of ${owner.metadata.name}, which had at most ${most} replicas` : undefined;
  },
};

const oneReplicaSetPerTemplate: Rule = {
  name: "a Deployment has one ReplicaSet for a template",
  check({ before, after }, cluster) {
    if (before !== undefined || after?.kind !== "ReplicaSet") return undefined;
    const owner = cluster.byUid(controllerOf(after)?.uid ?? "");
    if (owner?.kind !== "Deployment") return undefined;
    const text = templateText(after);
    const same = cluster.replicaSetsOf(owner as Stored<Deployment>).filter((set) => templateText(set) === text);
    return same.length > 1 ? `${same.map(({ metadata }) => metadata.name).join(" and ")} are alike` : undefined;
  },
};

/** What is asked for at a time: between the asking and the last pod of an old ReplicaSet there may be one more for a moment. */
const noMoreThanSurge: Rule = {
  name: "never more than replicas + maxSurge",
  check({ before, after }, cluster) {
    if (after?.kind !== "ReplicaSet" || replicasOf(after) <= (before === undefined ? 0 : replicasOf(before))) {
      return undefined;
    }
    const deployment = cluster.byUid(controllerOf(after)?.uid ?? "") as Stored<Deployment> | undefined;
    // One that took over what others had made has to take it as it is.
    if (deployment?.kind !== "Deployment" || tookOver(deployment, cluster)) return undefined;
    const most = Math.max(...(lately(cluster, deployment) as Deployment[]).map(mostPods));
    const asked = cluster.replicaSetsOf(deployment).reduce((sum, set) => sum + replicasOf(set), 0);
    return asked > most ? `${asked} pods of ${deployment.metadata.name} are asked for, where ${most} are allowed` : undefined;
  },
};

/** How old news may be when a ReplicaSet is told to shrink. */
const staleMs = 10_000;

/** A ReplicaSet when it was told to shrink. */
interface Shrinking {
  readonly at: number;
  /** Pods that were available, and that its status did not tell of. */
  untold: number;
}

/**
 * Asked of each pod that stops being available, once a rollout has had enough of them. A pod that was not known to be available when its
 * ReplicaSet was told to shrink was worth nothing to who decided, and counts as if it were still there.
 */
function enoughAvailable(): Rule {
  const reached = new Set<string>();
  const shrinking = new Map<string, Shrinking>();
  const excused = new Map<string, number[]>();

  function shrank(set: Stored<ReplicaSet>, at: number, cluster: Cluster): void {
    const truly = cluster.podsOf(set).filter((pod) => isAvailable(pod, set.spec?.minReadySeconds ?? 0, at)).length;
    const before = shrinking.get(set.metadata.uid)?.untold ?? 0;
    shrinking.set(set.metadata.uid, { at, untold: Math.max(before, truly - (set.status?.availableReplicas ?? 0)) });
  }

  function wasKnown(pod: Stored<Pod>, minReadySeconds: number): boolean {
    const told = shrinking.get(controllerOf(pod)?.uid ?? "");
    if (!isAvailable(pod, minReadySeconds, (told?.at ?? 0) - staleMs)) return false;
    if (told === undefined || told.untold <= 0) return true;
    told.untold--;
    return false;
  }

  return {
    name: "never fewer than replicas − maxUnavailable available",
    check({ before, after, at }, cluster) {
      const object = (after ?? before) as Stored<KubeObject>;
      if (object.kind === "ReplicaSet") {
        const fewer = before !== undefined && after !== undefined && replicasOf(after) < replicasOf(before);
        // Scaling in the middle of a rollout keeps proportions, and asks nobody whether he is available (upstream: scale).
        const isRescaled = fewer && desiredOf(after) !== desiredOf(before);
        if (isRescaled) shrinking.set(object.metadata.uid, { at, untold: replicasOf(before) - replicasOf(after) });
        else if (fewer) shrank(object, at, cluster);
        return undefined;
      }
      const deployment = object.kind === "Pod" ? deploymentOf(object, cluster) : undefined;
      if (deployment === undefined || isGoing(deployment) || namespaceGoes(deployment, cluster)) return undefined;
      const { uid, name } = deployment.metadata;
      const states = lately(cluster, deployment) as Deployment[];
      const least = Math.min(...states.map(leastAvailable));
      const minReadySeconds = Math.max(...states.map(({ spec }) => spec?.minReadySeconds ?? 0));
      const available = podsOf(deployment, cluster).filter((one) => isAvailable(one, minReadySeconds, cluster.now)).length;
      if (available >= Math.max(...states.map(leastAvailable))) reached.add(uid);
      if (!hasFallen(before, after)) return undefined;
      const recently = (excused.get(uid) ?? []).filter((time) => time > at - cluster.windowMs);
      const known = wasKnown(before as Stored<Pod>, minReadySeconds);
      excused.set(uid, known ? recently : [...recently, at]);
      const enough = available + recently.length >= least || !reached.has(uid) || !known;
      return enough ? undefined : `${available} of ${name} are available, where ${least} have to be`;
    },
  };
}

function desiredOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.["deployment.kubernetes.io/desired-replicas"];
}

/** A pod that was ready, and is on its way out now. */
function hasFallen(before: KubeObject | undefined, after: KubeObject | undefined): boolean {
  return before?.kind === "Pod" && isActive(before) && isReady(before) && (after === undefined || isGoing(after));
}

const recreateNeverOverlaps: Rule = {
  name: "Recreate never runs two revisions at a time",
  check({ before, after }, cluster) {
    if (before !== undefined || after?.kind !== "Pod") return undefined;
    const deployment = deploymentOf(after, cluster);
    if (deployment === undefined || tookOver(deployment, cluster)) return undefined;
    const states = lately(cluster, deployment) as Deployment[];
    if (!states.every(({ spec }) => spec?.strategy?.type === "Recreate")) return undefined;
    const uid = controllerOf(after)?.uid;
    // A rollback in time makes an old revision the new one, and what there is of both is its own.
    if (new Set(states.map(templateText)).size > 2) return undefined;
    const old = podsOf(deployment, cluster).find((pod) => controllerOf(pod)?.uid !== uid && !hasEnded(pod));
    return old === undefined ? undefined : `made while ${old.metadata.name} is there`;
  },
};

/** A pod that has been ready for a while does not go while one that is not, and has not been for long, stays. */
function worstPodsFirst(): Rule {
  const readyAt = new Map<string, number>();
  return {
    name: "pods that are not ready go first",
    check({ before, after }, cluster) {
      const pod = after ?? before;
      if (pod?.kind !== "Pod") return undefined;
      if (after !== undefined && isReady(after)) readyAt.set(after.metadata.uid, cluster.now);
      const owner = cluster.byUid(controllerOf(pod)?.uid ?? "");
      // Who became ready only now was chosen when he was not.
      const isNews = before === undefined || !isAvailable(before, staleMs / 1000, cluster.now);
      if (isNews || !hasFallen(before, after) || owner?.kind !== "ReplicaSet" || mayGoAnyway(before, cluster)) return undefined;
      // They all go at a time, in no order. Once no more have to, who is left was chosen to stay.
      const active = cluster.podsOf(owner).filter(isActive).length;
      if (active > Math.min(...(lately(cluster, owner) as ReplicaSet[]).map(replicasOf))) return undefined;
      const worse = cluster.podsOf(owner).find((other) => isActive(other) && neverReady(other, cluster, readyAt));
      return worse === undefined ? undefined : `went although ${worse.metadata.name} is not ready`;
    },
  };
}

function neverReady(pod: Stored<Pod>, cluster: Cluster, readyAt: ReadonlyMap<string, number>): boolean {
  const old = Date.parse(pod.metadata.creationTimestamp) < cluster.now - cluster.windowMs;
  return old && !isReady(pod) && (readyAt.get(pod.metadata.uid) ?? 0) < cluster.now - cluster.windowMs;
}

function deletedForAReason(): Rule {
  /** When pods of a ReplicaSet went for other reasons, which it may not have known when it chose. */
  const wentAnyway = new Map<string, number[]>();
  return {
    name: "what is deleted has a reason to be",
    check({ before, after, at }, cluster) {
      if (before === undefined || isGoing(before) || (after !== undefined && !isGoing(after))) return undefined;
      if (before.kind === "Pod") {
        const owner = controllerOf(before)?.uid ?? "";
        const lately = (wentAnyway.get(owner) ?? []).filter((time) => time > at - cluster.windowMs);
        const anyway = mayGoAnyway(before, cluster);
        wentAnyway.set(owner, anyway ? [...lately, at] : lately);
        return anyway || isSurplus(before, lately.length, cluster) ? undefined : "why?";
      }
      if (before.kind === "ReplicaSet") {
        return wasAskedFor(before, cluster) || isHistory(before, cluster) ? undefined : "why?";
      }
      return undefined;
    },
  };
}

/** Taints drive pods away, but not before their time. */
function toleratedForAsLongAsSaid(): Rule {
  /** Since when each node has had taints that drive pods away. */
  const tainted = new Map<string, number>();
  return {
    name: "a pod stays for as long as it tolerates its node",
    check({ before, after, at }, cluster) {
      if (after?.kind === "Node") {
        const { name } = after.metadata;
        if (!drivesAway(after)) tainted.delete(name);
        else if (!tainted.has(name)) tainted.set(name, at);
        return undefined;
      }
      if (after?.kind !== "Pod" || wasEvicted(before) || !wasEvicted(after)) return undefined;
      const nodes = cluster.lately(`/registry/nodes/${nodeOf(after)}`).filter((node) => node !== undefined);
      const taints = nodes.flatMap(taintsOf).filter(({ effect }) => effect === "NoExecute");
      if (taints.length === 0) return "its node drives nobody away";
      const since = tainted.get(nodeOf(after));
      // Not any more, which who drove it away may not have known.
      if (since === undefined) return undefined;
      const bears = Math.min(...taints.map((taint) => secondsBorne(after as Pod, taint))) * 1000;
      return at - since < bears ? `after ${at - since} ms, of ${bears}` : undefined;
    },
  };
}

function drivesAway(node: KubeObject): boolean {
  return taintsOf(node).some(({ effect }) => effect === "NoExecute");
}

function secondsBorne({ spec }: Pod, { key, effect }: Taint): number {
  const toleration = spec?.tolerations?.find((one) => one.key === key && one.effect === effect);
  return toleration === undefined ? 0 : (toleration.tolerationSeconds ?? Infinity);
}

const ownersThatLiveKeepWhatTheyOwn: Rule = {
  name: "nothing with a live owner is collected",
  check({ before, after }, cluster) {
    if (before?.kind !== "ConfigMap" || isGoing(before) || (after !== undefined && !isGoing(after))) return undefined;
    const owners = before.metadata.ownerReferences ?? [];
    if (cluster.deletedByUser.has(before.metadata.uid) || namespaceGoes(before, cluster)) return undefined;
    if (owners.length === 0) return "nobody owned it";
    const alive = owners.find(({ uid }) => {
      const owner = cluster.byUid(uid);
      return owner !== undefined && !(isGoing(owner) && owner.metadata.finalizers?.includes("foregroundDeletion") === true);
    });
    return alive === undefined ? undefined : `its owner ${alive.name} lives`;
  },
};

/** What was made so late that who let the owner go may not have seen it is found without its owner later, and collected. */
const dependentsFirst: Rule = {
  name: "who waits for its dependents goes last",
  check({ before, after }, cluster) {
    if (before === undefined || after !== undefined) return undefined;
    const waited = before.metadata.finalizers?.includes("foregroundDeletion") === true;
    const orphans = before.metadata.finalizers?.includes("orphan") === true;
    if (!waited && !orphans) return undefined;
    const left = [...cluster.objects].find(
      ({ metadata }) =>
        Date.parse(metadata.creationTimestamp) < cluster.now - cluster.windowMs &&
        metadata.ownerReferences?.some(
          ({ uid, blockOwnerDeletion }) => uid === before.metadata.uid && (orphans || blockOwnerDeletion),
        ),
    );
    return left === undefined ? undefined : `${left.kind ?? ""} ${left.metadata.name} still names it`;
  },
};

const oneController: Rule = {
  name: "nobody's children are taken from him",
  check({ before, after }, cluster) {
    if (after === undefined) return undefined;
    const controllers = (after.metadata.ownerReferences ?? []).filter(({ controller }) => controller === true);
    if (controllers.length > 1) return "it has two controllers";
    const [was, is] = [before && controllerOf(before)?.uid, controllers[0]?.uid];
    if (before === undefined || was === is) return undefined;
    if (was !== undefined && is !== undefined) return "its controller changed";
    if (is === undefined) return undefined;
    const owner = cluster.byUid(is);
    const selected = owner !== undefined && selects(owner, after);
    return selected || isGoing(after) ? undefined : "adopted by who does not select it";
  },
};

const nothingOutlivesItsNamespace: Rule = {
  name: "nothing outlives its namespace",
  check({ before, after }, cluster) {
    if (before?.kind !== "Namespace" || after !== undefined) return undefined;
    const left = [...cluster.objects].find(({ metadata }) => metadata.namespace === before.metadata.name);
    return left === undefined ? undefined : `${left.kind ?? ""} ${left.metadata.name} is left`;
  },
};

const oneLeader: Rule = {
  name: "a leader that renews is not replaced",
  check({ before, after, at }) {
    if (after?.kind !== "Lease" || before === undefined || after.metadata.namespace !== "kube-system") return undefined;
    const [was, is] = [before, after].map((lease) => (lease as { spec?: LeaseSpec }).spec ?? {});
    if ((was?.holderIdentity ?? "") === "" || (is?.holderIdentity ?? "") === "" || was?.holderIdentity === is?.holderIdentity) {
      return undefined;
    }
    const age = at - Date.parse(was?.renewTime ?? "");
    return age < (was?.leaseDurationSeconds ?? 15) * 1000
      ? `${was?.holderIdentity ?? ""} had renewed ${age} ms before`
      : undefined;
  },
};

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly renewTime?: string;
  readonly leaseDurationSeconds?: number;
}

function nodeOf(object: KubeObject | undefined): string {
  return object?.kind === "Pod" ? ((object as Pod).spec?.nodeName ?? "") : "";
}

function newlyBound({ before, after }: Write): string | undefined {
  const name = nodeOf(after);
  return name !== "" && nodeOf(before) === "" ? name : undefined;
}

function cpuOf({ spec }: Pod): number {
  return (spec?.containers ?? []).reduce((sum, { resources }) => sum + milli(resources?.requests?.["cpu"]), 0);
}

function milli(quantity: string | number | undefined): number {
  const text = `${quantity ?? 0}`;
  return text.endsWith("m") ? Number(text.slice(0, -1)) : Number(text) * 1000;
}

function hostPortsOf({ spec }: Pod): readonly number[] {
  return (spec?.containers ?? []).flatMap(({ ports = [] }) => ports.flatMap(({ hostPort }) => (hostPort ? [hostPort] : [])));
}

function taintsOf(node: KubeObject): readonly Taint[] {
  return (node as Node).spec?.taints ?? [];
}

function accepts(node: Stored<Node>, { spec }: Pod): boolean {
  if (node.spec?.unschedulable === true) return false;
  const tolerated = (taint: Taint): boolean =>
    spec?.tolerations?.some(({ key, effect }) => key === taint.key && effect === taint.effect) ?? false;
  if (taintsOf(node).some((taint) => taint.effect !== "PreferNoSchedule" && !tolerated(taint))) return false;
  return Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => node.metadata.labels?.[key] === value);
}

function lately(cluster: Cluster, object: Stored<KubeObject>): readonly Stored<KubeObject>[] {
  const { namespace, name, uid } = object.metadata;
  const key = `/registry/apps/${object.kind === "Deployment" ? "deployments" : "replicasets"}/${namespace ?? ""}/${name}`;
  return cluster.lately(key).filter((state): state is Stored<KubeObject> => state?.metadata.uid === uid);
}

function replicasOf({ spec }: ReplicaSet | Deployment): number {
  return spec?.replicas ?? 1;
}

function deploymentOf(pod: KubeObject, cluster: Cluster): Stored<Deployment> | undefined {
  const set = cluster.byUid(controllerOf(pod)?.uid ?? "");
  const owner = set === undefined ? undefined : cluster.byUid(controllerOf(set)?.uid ?? "");
  return owner?.kind === "Deployment" ? owner : undefined;
}

function podsOf(deployment: Stored<Deployment>, cluster: Cluster): readonly Stored<Pod>[] {
  return cluster.replicaSetsOf(deployment).flatMap((set) => cluster.podsOf(set));
}

/** Some of its ReplicaSets are older than it is. */
function tookOver(deployment: Stored<Deployment>, cluster: Cluster): boolean {
  return cluster
    .replicaSetsOf(deployment)
    .some(({ metadata }) => metadata.creationTimestamp < deployment.metadata.creationTimestamp);
}

function bounds(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  if (deployment.spec?.strategy?.type === "Recreate") return { surge: 0, unavailable: replicasOf(deployment) };
  const { maxSurge, maxUnavailable } = deployment.spec?.strategy?.rollingUpdate ?? {};
  const surge = share(maxSurge, replicasOf(deployment), Math.ceil);
  const unavailable = share(maxUnavailable, replicasOf(deployment), Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

function mostPods(deployment: Deployment): number {
  return replicasOf(deployment) + bounds(deployment).surge;
}

function leastAvailable(deployment: Deployment): number {
  return replicasOf(deployment) - bounds(deployment).unavailable;
}

function namespaceGoes({ metadata }: KubeObject, cluster: Cluster): boolean {
  const namespace = cluster.namespace(metadata.namespace ?? "");
  return namespace === undefined || isGoing(namespace);
}

/** Somebody wanted it to go, or what it belongs to. */
function wasAskedFor(object: Stored<KubeObject>, cluster: Cluster): boolean {
  if (cluster.deletedByUser.has(object.metadata.uid) || namespaceGoes(object, cluster)) return true;
  const owner = controllerOf(object);
  if (owner === undefined) return false;
  const found = cluster.byUid(owner.uid);
  return found === undefined || isGoing(found);
}

function wasEvicted(pod: KubeObject | undefined): boolean {
  return (pod as Pod | undefined)?.status?.conditions?.some(({ reason }) => reason === "DeletionByTaintManager") ?? false;
}

/** It goes for a reason that lies outside of its ReplicaSet. */
function mayGoAnyway(pod: Stored<Pod>, cluster: Cluster): boolean {
  const disrupted = pod.status?.conditions?.some(({ type, status }) => type === "DisruptionTarget" && status === "True") ?? false;
  return (
    disrupted || hasEnded(pod) || wasAskedFor(pod, cluster) || (nodeOf(pod) !== "" && cluster.node(nodeOf(pod)) === undefined)
  );
}

/** Its ReplicaSet has, or lately had, fewer replicas than pods. The cluster shows it as going already. */
function isSurplus(pod: Stored<KubeObject>, wentAnyway: number, cluster: Cluster): boolean {
  const owner = cluster.byUid(controllerOf(pod)?.uid ?? "");
  if (owner?.kind !== "ReplicaSet") return false;
  const least = Math.min(...(lately(cluster, owner) as Stored<ReplicaSet>[]).map(replicasOf));
  return cluster.podsOf(owner).filter(isActive).length + wentAnyway >= least;
}

/** It is of an old revision, and empty. */
function isHistory(set: Stored<ReplicaSet>, cluster: Cluster): boolean {
  const owner = cluster.byUid(controllerOf(set)?.uid ?? "") as Stored<Deployment> | undefined;
  return owner !== undefined && replicasOf(set) === 0 && cluster.podsOf(set).filter(isActive).length === 0;
}
