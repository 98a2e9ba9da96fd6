import type { DaemonSet, Deployment, StatefulSet } from "#api/generated/types";
import type { KubeObject } from "#api/object";
import { CliError } from "../failures.ts";

export interface Progress {
  readonly text: string;
  readonly done: boolean;
}

/** How far a workload is on its way to what its spec says. @throws CliError when it will not get there, or nobody can tell */
export function progressOf(object: KubeObject, revision: number): Progress {
  switch (object.kind) {
    case "Deployment":
      return deploymentProgress(object, revision);
    case "DaemonSet":
      return daemonSetProgress(object);
    case "StatefulSet":
      return statefulSetProgress(object);
    default:
      throw new CliError(`no status viewer has been implemented for ${object.kind ?? ""}`);
  }
}

function deploymentProgress({ metadata, spec, status = {} }: Deployment, revision: number): Progress {
  const { name = "", generation = 0, annotations = {} } = metadata;
  const running = Number(annotations["deployment.kubernetes.io/revision"] ?? "0");
  if (revision > 0 && revision !== running) {
    throw new CliError(`desired revision (${revision}) is different from the running revision (${running})`);
  }
  if (generation > (status.observedGeneration ?? 0)) return waiting("Waiting for deployment spec update to be observed...");
  if (status.conditions?.find(({ type }) => type === "Progressing")?.reason === "ProgressDeadlineExceeded") {
    throw new CliError(`deployment ${JSON.stringify(name)} exceeded its progress deadline`);
  }
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const wanted = spec?.replicas;
  const about = `Waiting for deployment ${JSON.stringify(name)} rollout to finish:`;
  if (wanted !== undefined && updatedReplicas < wanted) {
    return waiting(`${about} ${updatedReplicas} out of ${wanted} new replicas have been updated...`);
  }
  if (replicas > updatedReplicas)
    return waiting(`${about} ${replicas - updatedReplicas} old replicas are pending termination...`);
  if (availableReplicas < updatedReplicas) {
    return waiting(`${about} ${availableReplicas} of ${updatedReplicas} updated replicas are available...`);
  }
  return { text: `deployment ${JSON.stringify(name)} successfully rolled out`, done: true };
}

function daemonSetProgress({ metadata, spec, status }: DaemonSet): Progress {
  onlyRollingUpdate(spec?.updateStrategy?.type);
  const { name = "", generation = 0 } = metadata;
  if (generation > (status?.observedGeneration ?? 0)) return waiting("Waiting for daemon set spec update to be observed...");
  const desired = status?.desiredNumberScheduled ?? 0;
  const updated = status?.updatedNumberScheduled ?? 0;
  const available = status?.numberAvailable ?? 0;
  const about = `Waiting for daemon set ${JSON.stringify(name)} rollout to finish:`;
  if (updated < desired) return waiting(`${about} ${updated} out of ${desired} new pods have been updated...`);
  if (available < desired) return waiting(`${about} ${available} of ${desired} updated pods are available...`);
  return { text: `daemon set ${JSON.stringify(name)} successfully rolled out`, done: true };
}

function statefulSetProgress({ metadata, spec, status }: StatefulSet): Progress {
  onlyRollingUpdate(spec?.updateStrategy?.type);
  const { generation = 0 } = metadata;
  const observed = status?.observedGeneration ?? 0;
  if (observed === 0 || generation > observed) return waiting("Waiting for statefulset spec update to be observed...");
  const wanted = spec?.replicas ?? 1;
  const { readyReplicas = 0, updatedReplicas = 0, currentReplicas = 0 } = status ?? {};
  if (readyReplicas < wanted) return waiting(`Waiting for ${wanted - readyReplicas} pods to be ready...`);
  const partition = spec?.updateStrategy?.rollingUpdate?.partition;
  if (partition !== undefined) {
    if (updatedReplicas < wanted - partition) {
      const of = wanted - partition;
      return waiting(`Waiting for partitioned roll out to finish: ${updatedReplicas} out of ${of} new pods have been updated...`);
    }
    return { text: `partitioned roll out complete: ${updatedReplicas} new pods have been updated...`, done: true };
  }
  if (status?.updateRevision !== status?.currentRevision) {
    return waiting(
      `waiting for statefulset rolling update to complete ${updatedReplicas} pods at revision ${status?.updateRevision ?? ""}...`,
    );
  }
  const revision = status?.currentRevision ?? "";
  return { text: `statefulset rolling update complete ${currentReplicas} pods at revision ${revision}...`, done: true };
}

function onlyRollingUpdate(type: string | undefined): void {
  if (type !== "RollingUpdate") throw new CliError("rollout status is only available for RollingUpdate strategy type");
}

function waiting(text: string): Progress {
  return { text, done: false };
}
