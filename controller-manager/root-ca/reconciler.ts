import { isDeepStrictEqual } from "node:util";
import type { ConfigMap, Namespace } from "#api/generated/types";
import type { ObjectKey, Stored } from "#api/object";
import { configMaps, namespaces } from "#api/resource-type";
import { filter, map, merge } from "rxjs";
import { namespaceOf, ownRequests } from "../framework/owner-requests.ts";
import { nothingToDo, type Plan } from "../framework/plan.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import type { SharedInformers } from "../framework/shared-informers.ts";

export interface RootCaView {
  readonly namespace: Stored<Namespace>;
  readonly configMap?: Stored<ConfigMap>;
  /** PEM. */
  readonly rootCa: string;
}

const name = "kube-root-ca.crt";

const description =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/** Each namespace has the certificate authority that its pods verify the API server with, and nothing else can be put in its place. */
export function rootCaReconciler(informers: SharedInformers, rootCa: string): Reconciler<RootCaView> {
  const [spaces, maps] = [informers.of(namespaces), informers.of(configMaps)];
  const touched = maps.changes.pipe(
    filter(({ type, object }) => type !== "added" && object.metadata.name === name),
    map(({ object }) => namespaceOf(object)),
  );
  return {
    name: "root-ca-certificate-publisher-controller",
    requests: merge(ownRequests(spaces), touched),
    plan: planRootCa,
    async observe(key: ObjectKey) {
      const namespace = spaces.get(key);
      if (namespace === undefined) return undefined;
      const configMap = maps.get({ namespace: key.name, name });
      return { namespace, rootCa, ...(configMap !== undefined && { configMap }) };
    },
  };
}

function planRootCa({ namespace, configMap, rootCa }: RootCaView): Plan {
  if (namespace.metadata.deletionTimestamp !== undefined) return nothingToDo;
  const data = { "ca.crt": rootCa };
  const annotations = { "kubernetes.io/description": description };
  if (configMap === undefined) {
    const object = { metadata: { namespace: namespace.metadata.name, name, annotations }, data };
    return { steps: [{ type: "create", resource: configMaps, object }] };
  }
  if (isDeepStrictEqual({ ...configMap.data }, data)) return nothingToDo;
  const metadata = { ...configMap.metadata, annotations: { ...configMap.metadata.annotations, ...annotations } };
  return { steps: [{ type: "update", resource: configMaps, object: { ...configMap, metadata, data } as Stored<ConfigMap> }] };
}
