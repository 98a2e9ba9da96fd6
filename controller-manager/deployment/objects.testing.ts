import type { Deployment, DeploymentSpec, DeploymentStatus, ReplicaSet, ReplicaSetStatus } from "#api/generated/types";
import type { Stored } from "#api/object";
import { type Outcome, type Write, writesOf } from "../framework/plan.ts";
import { concludeDeployment, planDeployment } from "./plan.ts";
import type { DeploymentView } from "./rollout.ts";

export const now = Date.parse("2026-01-01T01:00:00Z");
const template = (image: string) => ({ metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image }] } });

export function deployment(
  spec: Partial<DeploymentSpec> = {},
  status: DeploymentStatus = {},
  annotations = {},
): Stored<Deployment> {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      namespace: "default",
      name: "web",
      uid: "d",
      resourceVersion: "1",
      generation: 2,
      creationTimestamp: "2026-01-01T00:00:00Z",
      annotations,
    },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: "web" } },
      template: template("v2"),
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...spec,
    },
    status,
  };
}

export interface SetOptions {
  readonly image?: string;
  readonly replicas: number;
  readonly available?: number;
  readonly revision?: number;
  readonly annotations?: Record<string, string>;
  readonly created?: string;
  readonly status?: Partial<ReplicaSetStatus>;
  readonly owned?: boolean;
}

export function replicaSet(name: string, options: SetOptions): Stored<ReplicaSet> {
  const { image = "v2", replicas, available = replicas, revision = 1, owned = true } = options;
  const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "d", controller: true, blockOwnerDeletion: true };
  const labels = { app: "web", "pod-template-hash": name };
  return {
    metadata: {
      namespace: "default",
      name,
      uid: name,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: options.created ?? "2026-01-01T00:00:00Z",
      labels,
      annotations: {
        "deployment.kubernetes.io/revision": `${revision}`,
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
        ...options.annotations,
      },
      ...(owned && { ownerReferences: [owner] }),
    },
    spec: { replicas, selector: { matchLabels: labels }, template: { ...template(image), metadata: { labels } } },
    status: { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1, ...options.status },
  };
}

export function view(
  owner: Stored<Deployment>,
  candidates: Stored<ReplicaSet>[],
  more: Partial<DeploymentView> = {},
): DeploymentView {
  return { deployment: owner, candidates, pods: new Map(), canAdopt: true, now, ...more };
}

/** `name: from → to` of each resize, and the type of everything else. */
export function summary(planned: DeploymentView): string[] {
  return writesOf(planDeployment(planned).steps).map((write) => {
    if (write.type === "create") return `create ${String((write.object as ReplicaSet).spec?.replicas)}`;
    if (write.type === "update") {
      const before = planned.candidates.find(({ metadata }) => metadata.name === write.object.metadata.name);
      const [from, to] = [before?.spec?.replicas, (write.object as ReplicaSet).spec?.replicas];
      return `${write.object.metadata.name}: ${String(from)} → ${String(to)}`;
    }
    return `${write.type} ${write.target.metadata.name}`;
  });
}

function succeed(write: Write): Outcome {
  return write.type === "delete"
    ? { type: "done", write }
    : { type: "done", write, object: (write.type === "patch" ? write.target : write.object) as Stored<ReplicaSet> };
}

export function conditions(planned: DeploymentView, outcomes?: Outcome[]) {
  const done = outcomes ?? writesOf(planDeployment(planned).steps).map(succeed);
  const status = concludeDeployment(planned, done).status as DeploymentStatus;
  return Object.fromEntries(
    (status.conditions ?? []).map(({ type, status: is, reason, message }) => [type, `${is} ${reason ?? ""}: ${message ?? ""}`]),
  );
}
