import type { LabelSelector, Pod } from "#api/generated/types";
import { compileLabelSelector, formatLabelSelector, selectorFromLabels } from "#api/label-selector";
import type { Stored } from "#api/object";
import type { ServedResource } from "#client/discovery-client";
import type { CommandContext } from "../command.ts";
import { CliError } from "../failures.ts";
import { listObjects, type ServerObject } from "./requests.ts";

/** The pods that a workload or a service selects, those that serve best first. @throws CliError when its kind selects none */
export async function podsOf(
  { session, signal }: Pick<CommandContext, "session" | "signal">,
  pods: ServedResource,
  owner: ServerObject,
): Promise<readonly Stored<Pod>[]> {
  const labelSelector = selectorOf(owner);
  const { namespace = "" } = owner.metadata;
  const { items } = await listObjects(session.client, { resource: pods, namespace, labelSelector }, { signal });
  return (items as unknown as Stored<Pod>[]).toSorted((left, right) => rank(left) - rank(right) || older(left, right));
}

function selectorOf({ kind = "", spec }: ServerObject): string {
  const { selector } = (spec ?? {}) as { selector?: LabelSelector | Record<string, string> };
  const isPlain = kind === "Service" || kind === "ReplicationController";
  if (selector === undefined) throw new CliError(`cannot get the logs from ${kind}: selector is not set`);
  return formatLabelSelector(isPlain ? selectorFromLabels(selector as Record<string, string>) : compileLabelSelector(selector));
}

/** Placed before not placed, running before pending, ready before not ready. */
function rank({ spec, status }: Stored<Pod>): number {
  const ready = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
  return (spec?.nodeName === undefined ? 4 : 0) + (status?.phase === "Running" ? 0 : 2) + (ready ? 0 : 1);
}

function older(left: Stored<Pod>, right: Stored<Pod>): number {
  return Date.parse(left.metadata.creationTimestamp) - Date.parse(right.metadata.creationTimestamp);
}
