import type { Flag } from "../arguments/flags.ts";
import { allNamespacesFlag, fieldSelectorFlag, fileFlags, selectorFlag } from "../arguments/common-flags.ts";
import type { CommandContext } from "../command.ts";
import { CliError } from "../failures.ts";
import { findTargets, hasFiles, type FoundTarget } from "./find-targets.ts";
import { getObject, listObjects, type ObjectAddress, type ServerObject } from "./requests.ts";

/** Flags by which commands that change objects choose them. */
export const choosingFlags: readonly Flag[] = [
  { name: "all", type: "bool", help: "All objects of the kinds, in the namespace." },
  allNamespacesFlag,
  fieldSelectorFlag,
  ...fileFlags,
  selectorFlag,
];

export interface LiveObject {
  readonly address: ObjectAddress;
  readonly object: ServerObject;
}

/**
 * The objects that arguments, files and selectors choose, as the server has them now. What cannot be read is among `errors`.
 * @throws CliError when nothing is named
 */
export async function chosenObjects(
  context: CommandContext,
  words: readonly string[] = context.arguments,
): Promise<{ objects: readonly LiveObject[]; errors: readonly unknown[] }> {
  const { flags } = context;
  if (words.length === 0 && !hasFiles(flags)) {
    throw new CliError("one or more resources must be specified as <resource> <name> or <resource>/<name>");
  }
  const targets = await findTargets(context, words);
  const objects: LiveObject[] = [];
  const errors: unknown[] = [];
  for (const target of targets) {
    try {
      objects.push(...(await liveOf(context, target)));
    } catch (error) {
      errors.push(error);
    }
  }
  return { objects, errors };
}

async function liveOf(context: CommandContext, target: FoundTarget): Promise<readonly LiveObject[]> {
  const { flags, session, signal } = context;
  const { resource, namespace, name } = target;
  if (name !== undefined) {
    const address = { resource, namespace, name };
    return [{ address, object: await getObject(session.client, address, { signal }) }];
  }
  const has = (flag: string): boolean => flags.has(flag) && flags.string(flag) !== "" && flags.string(flag) !== "false";
  if (!has("all") && !has("selector") && !has("field-selector")) {
    throw new CliError("resource(s) were provided, but no name was specified");
  }
  const selection = {
    resource,
    ...(!has("all-namespaces") && { namespace }),
    ...(flags.has("selector") && { labelSelector: flags.string("selector") }),
    ...(flags.has("field-selector") && { fieldSelector: flags.string("field-selector") }),
  };
  const { items } = await listObjects(session.client, selection, { signal });
  return items.map((object) => ({
    address: { resource, namespace: object.metadata.namespace ?? "", name: object.metadata.name },
    object,
  }));
}
