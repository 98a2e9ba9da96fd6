import { hasReason } from "#api/status";
import { allNamespacesFlag, chunkSizeFlag, fileFlags, selectorFlag } from "../arguments/common-flags.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { eventsText } from "../describe/events.ts";
import { genericText } from "../describe/generic.ts";
import { describers } from "../describe/kinds.ts";
import { CliError, throwAll } from "../failures.ts";
import { findTargets, hasFiles, type FoundTarget } from "../objects/find-targets.ts";
import { getObject, listObjects, type ServerObject } from "../objects/requests.ts";
import { elasticTabs } from "../output/elastic-tabs.ts";

export const describeCommand: ObjectCommand = {
  name: "describe",
  summary: "say everything about objects, with what has happened to them",
  usage: "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME) [flags]",
  examples: [
    ["A pod", "describe pod web-1"],
    ["All pods whose names begin so", "describe pod web"],
    ["A node", "describe node/node-1"],
  ],
  flags: [
    allNamespacesFlag,
    chunkSizeFlag,
    ...fileFlags,
    selectorFlag,
    { name: "show-events", type: "bool", fallback: "true", help: "Show also what has happened." },
  ],
  run: describe,
};

/** Kinds of which nothing is reported. */
const withoutEvents = new Set(["Secret", "Namespace"]);

async function describe(context: CommandContext): Promise<undefined> {
  const { flags, streams, session } = context;
  if (context.arguments.length === 0 && !hasFiles(flags)) {
    throw new CliError(
      'You must specify the type of resource to describe. Use "skiff api-resources" for a complete list of supported resources.',
    );
  }
  const errors: unknown[] = [];
  let count = 0;
  for (const target of await findTargets(context)) {
    try {
      const { objects, byPrefix } = await objectsOf(context, target);
      for (const object of objects) {
        const text = await textOf(context, target, object);
        streams.out(byPrefix ? `${text}\n` : count === 0 ? text : `\n\n${text}`);
        count++;
      }
    } catch (error) {
      errors.push(error);
    }
  }
  if (count === 0 && errors.length === 0) {
    streams.err(
      flags.bool("all-namespaces") ? "No resources found\n" : `No resources found in ${session.namespace} namespace.\n`,
    );
  }
  throwAll(errors);
}

/** A name that is no object's may be the beginning of several. */
async function objectsOf(
  context: CommandContext,
  target: FoundTarget,
): Promise<{ readonly objects: readonly ServerObject[]; readonly byPrefix: boolean }> {
  const { flags, session, signal } = context;
  const { resource, namespace, name } = target;
  const list = async (): Promise<ServerObject[]> => {
    const where = flags.bool("all-namespaces") ? {} : { namespace };
    const selection = { resource, ...where, labelSelector: flags.string("selector") };
    return (await listObjects(session.client, selection, { signal, chunkSize: flags.int("chunk-size") })).items;
  };
  if (name === undefined) return { objects: await list(), byPrefix: false };
  try {
    return { objects: [await getObject(session.client, { resource, namespace, name }, { signal })], byPrefix: false };
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
    const alike = (await list()).filter((object) => object.metadata.name.startsWith(name));
    if (alike.length === 0) throw error;
    return { objects: alike, byPrefix: true };
  }
}

async function textOf(context: CommandContext, { resource }: FoundTarget, object: ServerObject): Promise<string> {
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  const describer = describers[kind];
  const text = describer === undefined ? genericText(object) : await describer(object, context);
  const shows = context.flags.bool("show-events") && !withoutEvents.has(kind);
  return elasticTabs(text + (shows ? await eventsText(context, object) : ""));
}
