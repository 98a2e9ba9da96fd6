import type { Pod, PriorityClass } from "#api/generated/types";
import { isSystemPriorityClass } from "#api/kinds/priority-class";
import type { KubeObject, Stored } from "#api/object";
import { pods, priorityClasses } from "#api/resource-type";
import type { Reader } from "../registry/reader.ts";
import { isSameType, refusal, type AdmissionPlugin, type AdmissionRequest } from "./admission.ts";

/** Gives each pod the number that its class stands for; keeps at most one class the default (upstream: plugin/pkg/admission/priority). */
export function priority(reader: Reader): AdmissionPlugin {
  return {
    name: "Priority",
    handles: ({ operation, type, subresource }) => {
      if (subresource !== undefined) return false;
      return (isSameType(type, pods) && operation !== "delete") || isSameType(type, priorityClasses);
    },
    mutate: async (request) => {
      if (!isSameType(request.type, pods)) return request.object;
      if (request.operation === "update") return kept(request.object, request.oldObject as Pod);
      return resolved(request, await classOf(request, reader));
    },
    validate: async (request) => {
      if (!isSameType(request.type, priorityClasses)) return;
      if (request.operation === "delete") {
        if (isSystemPriorityClass(request.name)) throw refusal(request, "this is a system priority class and cannot be deleted");
        return;
      }
      if ((request.object as PriorityClass).globalDefault !== true) return;
      const known = defaultClass(reader);
      const isOther = request.operation === "create" || known?.metadata.name !== request.name;
      if (known !== undefined && isOther)
        throw refusal(request, `PriorityClass ${known.metadata.name} is already marked as default. Only one default can exist`);
    },
  };
}

/** A client that leaves out what it was given does not mean to change it. */
function kept(object: KubeObject, old: Pod): KubeObject {
  const pod = object as Pod;
  if (pod.spec === undefined) return pod;
  const priorityNow = pod.spec.priority ?? old.spec?.priority;
  const policy = pod.spec.preemptionPolicy ?? old.spec?.preemptionPolicy;
  const spec = {
    ...pod.spec,
    ...(priorityNow !== undefined && { priority: priorityNow }),
    ...(policy !== undefined && { preemptionPolicy: policy }),
  };
  return { ...pod, spec } as KubeObject;
}

/** @throws StatusError Forbidden */
async function classOf(
  request: AdmissionRequest & { readonly object: KubeObject },
  reader: Reader,
): Promise<PriorityClass | undefined> {
  const name = (request.object as Pod).spec?.priorityClassName ?? "";
  if (name === "") return defaultClass(reader);
  const key = { namespace: "", name };
  const found = reader.get(priorityClasses, key) ?? (await reader.getLive(priorityClasses, key));
  if (found === undefined) throw refusal(request, `no PriorityClass with name ${name} was found`);
  return found;
}

/** Were there several, by a mistake of a moment: the lowest. */
function defaultClass(reader: Reader): Stored<PriorityClass> | undefined {
  const marked = reader.byIndex(priorityClasses, "globalDefault", "true");
  return marked.toSorted((left, right) => (left.value ?? 0) - (right.value ?? 0))[0];
}

/** @throws StatusError Forbidden when the pod says otherwise. */
function resolved(request: AdmissionRequest & { readonly object: KubeObject }, found: PriorityClass | undefined): KubeObject {
  const pod = request.object as Pod;
  if (pod.spec === undefined) return pod;
  const { value = 0, preemptionPolicy = "PreemptLowerPriority" } = found ?? {};
  const { priority: given, preemptionPolicy: givenPolicy } = pod.spec;
  const from = "priority admission controller computed";
  if (given !== undefined && given !== value) {
    const why = `the integer value of priority (${given}) must not be provided in pod spec; ${from} ${value} from the given PriorityClass name`;
    throw refusal(request, why);
  }
  if (givenPolicy !== undefined && givenPolicy !== preemptionPolicy) {
    const why = `the string value of PreemptionPolicy (${givenPolicy}) must not be provided in pod spec; ${from} ${preemptionPolicy} from the given PriorityClass name`;
    throw refusal(request, why);
  }
  const priorityClassName = found?.metadata.name;
  const spec = { ...pod.spec, ...(priorityClassName !== undefined && { priorityClassName }), priority: value, preemptionPolicy };
  return { ...pod, spec } as KubeObject;
}
