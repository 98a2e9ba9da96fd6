import type { ScaleDefinition, TableDefinition } from "#api/definition";
import { nonNegative } from "#api/field-rules";
import type { Scale } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { invalid } from "#api/status";
import { age, ageColumn, column } from "#api/table-cells";
import { parsePatch } from "./patch-object.ts";
import type { DocumentType } from "./read-body.ts";
import { fieldValidationOf } from "./request-options.ts";
import type { Subresource } from "./subresource.ts";

const scaleDocument: DocumentType = {
  apiVersion: "autoscaling/v1",
  kind: "Scale",
  schema: "io.k8s.api.autoscaling.v1.Scale",
};

const scaleTable: TableDefinition<Scale> = {
  tableColumns: [
    column("Desired", "The wanted number of instances.", { type: "integer" }),
    column("Available", "The number of instances that there are.", { type: "integer" }),
    ageColumn,
  ],
  tableRow: ({ metadata, spec, status }, now) => [
    spec?.replicas ?? 0,
    status?.replicas ?? 0,
    age(metadata.creationTimestamp, now),
  ],
};

/** `scale`: the wanted number of a kind that counts, whatever it calls it. */
export function scaleSubresource(scale: ScaleDefinition<KubeObject>): Subresource {
  return {
    name: "scale",
    document: scaleDocument,
    table: scaleTable,
    verbs: {
      get: async ({ found, answer }) => answer(scaleOf((await found()).object, scale), 200),
      patch: async ({ store, key, context, request, answer }) => {
        const apply = parsePatch(request, scaleDocument, fieldValidationOf(request), (text) => context.warn(text));
        const attempt = (current: Stored<KubeObject>): KubeObject => scaled(current, apply(scaleOf(current, scale)), scale);
        return answer(scaleOf((await store.update(key, {}, attempt, context)).object.object, scale), 200);
      },
      update: async ({ store, key, context, body, answer }) => {
        const wanted = body(scaleDocument) as Scale;
        const { object } = await store.update(key, {}, (current) => scaled(current, wanted, scale), context);
        return answer(scaleOf(object.object, scale), 200);
      },
    },
  };
}

/** The autoscaling/v1 Scale of an object: its identity, the wanted and the present number, and whom it counts. */
function scaleOf(object: Stored<KubeObject>, scale: ScaleDefinition<KubeObject>): Stored<Scale & KubeObject> {
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
function scaled(object: Stored<KubeObject>, wanted: Scale, scale: ScaleDefinition<KubeObject>): KubeObject {
  const replicas = wanted.spec?.replicas ?? 0;
  const causes = nonNegative("spec.replicas", replicas);
  if (causes.length > 0) throw invalid({ group: "autoscaling", kind: "Scale" }, object.metadata.name, causes);
  const { resourceVersion } = wanted.metadata;
  const next = scale.withReplicas(object, replicas);
  const { resourceVersion: _, ...metadata } = next.metadata;
  return { ...next, metadata: { ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) } };
}
