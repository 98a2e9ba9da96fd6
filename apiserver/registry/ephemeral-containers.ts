import type { Pod } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { parsePatch } from "./patch-object.ts";
import type { DocumentType } from "./read-body.ts";
import { fieldValidationOf } from "./request-options.ts";
import type { Subresource } from "./subresource.ts";

const podDocument: DocumentType = { apiVersion: "v1", kind: "Pod", schema: "io.k8s.api.core.v1.Pod" };

/** `pods/ephemeralcontainers`: the pod itself, to which nothing but ephemeral containers can be added here. */
export const ephemeralContainersSubresource: Subresource = {
  name: "ephemeralcontainers",
  document: podDocument,
  verbs: {
    get: async ({ found, answer }) => answer((await found()).object, 200),
    patch: async ({ store, key, context, request, answer }) => {
      const apply = parsePatch(request, podDocument, fieldValidationOf(request), (text) => context.warn(text));
      const { object } = await store.update(key, {}, (current) => withTheirs(current, apply(current)), context);
      return answer(object.object, 200);
    },
    update: async ({ store, key, context, body, answer }) => {
      const wanted = body(podDocument);
      const { resourceVersion, uid } = wanted.metadata;
      const preconditions = { ...(resourceVersion && { resourceVersion }), ...(uid && { uid }) };
      const { object } = await store.update(key, preconditions, (current) => withTheirs(current, wanted), context);
      return answer(object.object, 200);
    },
  },
};

function withTheirs(current: Stored<KubeObject>, wanted: KubeObject): KubeObject {
  const { spec = { containers: [] } } = current as Pod;
  const { ephemeralContainers } = (wanted as Pod).spec ?? { containers: [] };
  const { ephemeralContainers: _, ...others } = spec;
  return { ...current, spec: { ...others, ...(ephemeralContainers && { ephemeralContainers }) } } as KubeObject;
}
