import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";

export interface Sample {
  /** As its files are called, without the ending. */
  readonly name: string;
  /** OpenAPI name. */
  readonly definition: string;
  readonly json: unknown;
  readonly protobuf: Uint8Array;
}

const kinds = {
  "core.v1": [
    "Binding",
    "ConfigMap",
    "Event",
    "Namespace",
    "Node",
    "Pod",
    "Secret",
    "Service",
    "ServiceAccount",
    "DeleteOptions",
  ],
  "apps.v1": ["Deployment", "ReplicaSet"],
  "autoscaling.v1": ["Scale"],
  "coordination.k8s.io.v1": ["Lease"],
  "authentication.k8s.io.v1": ["SelfSubjectReview", "TokenRequest", "TokenReview"],
  "discovery.k8s.io.v1": ["EndpointSlice"],
  "scheduling.k8s.io.v1": ["PriorityClass"],
};

/** Upstream's own objects: see the README beside them. */
export const samples: readonly Sample[] = Object.entries(kinds).flatMap(([groupVersion, names]) =>
  names.map((kind) => sample(groupVersion, kind)),
);

function sample(groupVersion: string, kind: string): Sample {
  const name = `${groupVersion}.${kind}`;
  const bytes = (ending: string): Buffer => readFileSync(join(packageRoot, "test/golden/samples", `${name}.${ending}`));
  const packageName = groupVersion.replace(".k8s.io", "");
  const definition = kind === "DeleteOptions" ? "io.k8s.apimachinery.pkg.apis.meta.v1" : `io.k8s.api.${packageName}`;
  return {
    name,
    definition: `${definition}.${kind}`,
    json: JSON.parse(bytes("json").toString()) as unknown,
    protobuf: bytes("pb"),
  };
}
