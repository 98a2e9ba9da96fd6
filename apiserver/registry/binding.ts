import type { Binding, Pod } from "#api/generated/types";
import type { KubeObject } from "#api/object";
import { pods } from "#api/resource-type";
import { conflict, invalid, StatusError } from "#api/status";
import { notSupported, required } from "#api/field-error";
import { timestamp } from "#base/clock";
import type { DocumentType } from "./read-body.ts";
import type { Subresource } from "./subresource.ts";

const bindingDocument: DocumentType = { apiVersion: "v1", kind: "Binding", schema: "io.k8s.api.core.v1.Binding" };

/** `pods/binding`: how a scheduler says where a pod goes. */
export const bindingSubresource: Subresource = {
  name: "binding",
  document: bindingDocument,
  verbs: {
    create: async ({ store, key, context, dependencies, body, answer }) => {
      const binding = body(bindingDocument) as Binding;
      validateBinding(binding, key.name);
      const preconditions = binding.metadata.uid === undefined ? {} : { uid: binding.metadata.uid };
      await store.update(key, preconditions, (current) => bound(current, binding, dependencies.clock.now()), context);
      return answer({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 } as KubeObject, 201);
    },
  },
};

/** @throws StatusError Invalid */
function validateBinding(binding: Binding, name: string): void {
  const target = (binding.target as Binding["target"] | undefined) ?? {};
  const causes = [];
  if (target.kind !== undefined && target.kind !== "" && target.kind !== "Node")
    causes.push(notSupported("target.kind", target.kind, ["Node", "<empty>"]));
  if (target.name === undefined || target.name === "") causes.push(required("target.name"));
  if (causes.length > 0) throw invalid({ group: "", kind: "Binding" }, name, causes);
  if (binding.metadata.name !== undefined && binding.metadata.name !== "" && binding.metadata.name !== name) {
    throw new StatusError("BadRequest", "name in URL does not match name in Binding object");
  }
}

/** The pod, bound to the node for good. @throws StatusError Conflict when it is bound, or on its way out. */
function bound(pod: Pod, binding: Binding, now: number): KubeObject {
  const name = pod.metadata.name ?? "";
  const node = binding.target.name ?? "";
  const type = { ...pods, resource: "pods/binding" };
  if (pod.metadata.deletionTimestamp !== undefined)
    throw conflict(type, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  const assigned = pod.spec?.nodeName ?? "";
  if (assigned !== "") throw conflict(type, name, `pod ${name} is already assigned to node "${assigned}"`);
  if ((pod.spec?.schedulingGates ?? []).length > 0) throw conflict(type, name, `pod ${name} has non-empty .spec.schedulingGates`);
  const { resourceVersion: _, ...metadata } = pod.metadata;
  // A place that was promised is of no interest any more.
  const { nominatedNodeName: __, ...status } = pod.status ?? {};
  const others = (status.conditions ?? []).filter(({ type: kind }) => kind !== "PodScheduled");
  const condition = { type: "PodScheduled", status: "True", lastTransitionTime: timestamp(now) };
  return {
    ...pod,
    metadata:
      binding.metadata.annotations === undefined
        ? metadata
        : { ...metadata, annotations: { ...metadata.annotations, ...binding.metadata.annotations } },
    spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: node },
    status: { ...status, conditions: [...others, condition] },
  } as KubeObject;
}
