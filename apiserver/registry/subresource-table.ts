import type { ResourceDefinition } from "#api/definition";
import { bindingSubresource } from "./binding.ts";
import { ephemeralContainersSubresource } from "./ephemeral-containers.ts";
import { podAttachSubresource, podExecSubresource } from "./pod-exec.ts";
import { podLogSubresource } from "./pod-log.ts";
import { scaleSubresource } from "./scale.ts";
import type { Subresource } from "./subresource.ts";
import { tokenSubresource } from "./token-request.ts";

/** By `resource.group`. */
const ofKinds: Readonly<Record<string, readonly Subresource[]>> = {
  "pods.": [podAttachSubresource, bindingSubresource, ephemeralContainersSubresource, podExecSubresource, podLogSubresource],
  "serviceaccounts.": [tokenSubresource],
};

/** The parts of a kind that are not answered as the kind itself is: the one place that says which exist, for serving and discovery. */
export function subresourcesOf({ type, scale }: ResourceDefinition): readonly Subresource[] {
  return [...(ofKinds[`${type.resource}.${type.group}`] ?? []), ...(scale === undefined ? [] : [scaleSubresource(scale)])];
}
