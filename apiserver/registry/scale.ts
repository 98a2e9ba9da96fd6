import type { ScaleDefinition } from "#api/definition";
import { nonNegative } from "#api/field-rules";
import type { Scale } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { invalid } from "#api/status";
import type { DocumentType } from "./read-body.ts";

export const scaleDocument: DocumentType = {
  apiVersion: "autoscaling/v1",
  kind: "Scale",
  schema: "io.k8s.api.autoscaling.v1.Scale",
};

/** The autoscaling/v1 Scale of an object: its identity, the wanted and the present number, and whom it counts. */
export function scaleOf(object: Stored<KubeObject>, scale: ScaleDefinition<KubeObject>): Stored<Scale & KubeObject> {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    kind: scaleDocument.kind,
    apiVersion: scaleDocument.apiVersion,
    metadata: { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: scale.replicas(object) },
    status: { replicas: scale.statusReplicas(object), selector: scale.selector(object) },
  };
}

/** The object with the number of a Scale. @throws StatusError Invalid */
export function scaled(object: Stored<KubeObject>, wanted: Scale, scale: ScaleDefinition<KubeObject>): KubeObject {
  const replicas = wanted.spec?.replicas ?? 0;
  const causes = nonNegative("spec.replicas", replicas);
  if (causes.length > 0) throw invalid({ group: "autoscaling", kind: "Scale" }, object.metadata.name, causes);
  const { resourceVersion } = wanted.metadata;
  const next = scale.withReplicas(object, replicas);
  const { resourceVersion: _, ...metadata } = next.metadata;
  return { ...next, metadata: { ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) } };
}
