import type { KubeObject } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import { StatusError } from "#api/status";
import type { UserInfo } from "../authn/user.ts";

export interface AdmissionRequest {
  readonly operation: "create" | "update" | "delete" | "connect";
  readonly type: ResourceType;
  readonly subresource: string | undefined;
  readonly namespace: string;
  /** Empty while a name is still to be generated. */
  readonly name: string;
  /** What is to be stored; absent for delete. */
  readonly object?: KubeObject;
  readonly oldObject?: KubeObject;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  warn(text: string): void;
}

/** Has a say in every write after authorization. Each refuses by throwing a StatusError, as a rule Forbidden. */
export interface AdmissionPlugin {
  readonly name: string;
  handles(request: AdmissionRequest): boolean;
  /** @returns the object to go on with. */
  mutate?(request: AdmissionRequest & { readonly object: KubeObject }): Promise<KubeObject>;
  validate?(request: AdmissionRequest): Promise<void>;
}

/** All `mutate`s run first, in registration order; then every `validate` on the final object. */
export interface Admission {
  mutate(request: AdmissionRequest): Promise<KubeObject | undefined>;
  validate(request: AdmissionRequest): Promise<void>;
}

export function isSameType(left: ResourceType, right: ResourceType): boolean {
  return left.group === right.group && left.resource === right.resource;
}

/** A refusal as upstream words it: `pods "web" is forbidden: WHY`. */
export function refusal({ type, name }: AdmissionRequest, why: string): StatusError {
  const qualified = type.group === "" ? type.resource : `${type.resource}.${type.group}`;
  const details = { name, ...(type.group !== "" && { group: type.group }), kind: type.resource };
  return new StatusError("Forbidden", `${qualified} "${name}" is forbidden: ${why}`, details);
}

export function admissionChain(plugins: readonly AdmissionPlugin[]): Admission {
  return {
    mutate: async (request) => {
      let { object } = request;
      for (const plugin of plugins) {
        if (object !== undefined && plugin.mutate !== undefined && plugin.handles(request))
          object = await plugin.mutate({ ...request, object });
      }
      return object;
    },
    validate: async (request) => {
      for (const plugin of plugins) {
        if (plugin.validate !== undefined && plugin.handles(request)) await plugin.validate(request);
      }
    },
  };
}
