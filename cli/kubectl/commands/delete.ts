import type { KubeObject, Stored } from "#api/object";
import { hasReason } from "#api/status";
import { allNamespacesFlag, dryRunFlag, fieldSelectorFlag, fileFlags, selectorFlag } from "../arguments/common-flags.ts";
import { dryRunOf, dryRunSuffix } from "../arguments/dry-run.ts";
import type { Flags } from "../arguments/flags.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { CliError, throwAll, UsageError, withContext } from "../failures.ts";
import { findTargets, hasFiles, type FoundTarget } from "../objects/find-targets.ts";
import { listObjects, pathOf, type ObjectAddress } from "../objects/requests.ts";
import { waitUntilGone } from "../objects/wait-until-gone.ts";
import { printedKind } from "../output/printed-name.ts";

export const deleteCommand: ObjectCommand = {
  name: "delete",
  summary: "delete objects; without arguments, the cluster itself",
  usage: "([-f FILENAME] | TYPE [(NAME | -l label | --all)]) [flags]",
  examples: [
    ["Two pods", "delete pod web-1 web-2"],
    ["What a file describes", "delete -f deployment.yaml"],
    ["All pods with a label", "delete pods -l app=web"],
    ["A pod that does not end", "delete pod web --grace-period=0 --force"],
    ["The cluster, with its state and its context", "delete [--name NAME] [--state-dir FOLDER]"],
  ],
  flags: [
    { name: "all", type: "bool", help: "All objects of the kinds, in the namespace." },
    allNamespacesFlag,
    {
      name: "cascade",
      type: "string",
      fallback: "background",
      bare: "background",
      help: "What becomes of dependents: background or foreground deletes them after or before, orphan keeps them.",
    },
    dryRunFlag,
    fieldSelectorFlag,
    ...fileFlags,
    { name: "force", type: "bool", help: "With --grace-period=0: do not wait until the node has ended the pod." },
    { name: "grace-period", type: "int", fallback: "-1", help: "Seconds to end in; negative: the object's own." },
    { name: "ignore-not-found", type: "bool", help: "What does not exist is no failure. On with --all." },
    { name: "now", type: "bool", help: "The same as --grace-period=1." },
    { name: "output", short: "o", type: "string", help: "name: print TYPE/NAME alone." },
    selectorFlag,
    { name: "timeout", type: "duration", fallback: "0s", help: "How long to wait; 0: as long as it takes." },
    { name: "wait", type: "bool", fallback: "true", help: "Return when the objects are gone." },
  ],
  run: deleteObjects,
};

const aWeekMs = 168 * 3_600_000;

async function deleteObjects(context: CommandContext): Promise<undefined> {
  const { flags, session, streams } = context;
  const plan = planOf(context);
  if (context.arguments.length === 0 && !hasFiles(flags)) {
    throw new UsageError(
      "You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'",
      "",
    );
  }
  const targets = await findTargets(context);
  const selects = flags.bool("all") || flags.string("selector") !== "" || flags.string("field-selector") !== "";
  if (targets.some(({ name }) => name === undefined) && !selects) {
    throw new CliError("resource(s) were provided, but no name was specified");
  }
  if (selects && targets.some(({ name }) => name !== undefined)) {
    throw new CliError(
      flags.bool("all")
        ? "setting 'all' parameter but found a non empty name"
        : "name cannot be provided when a selector is specified",
    );
  }
  if (plan.isForced) {
    streams.err(
      "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n",
    );
  }
  if (session.namespaceIsGiven && targets.some(({ resource }) => !resource.namespaced)) {
    streams.err("Warning: deleting cluster-scoped resources, not scoped to the provided namespace\n");
  }
  const errors: unknown[] = [];
  const deleted: { address: ObjectAddress; uid: string | undefined }[] = [];
  for (const target of targets) {
    try {
      for (const address of await addressesOf(context, target)) {
        try {
          const uid = plan.dryRun === "client" ? undefined : await deleteOne(context, address, plan.body);
          deleted.push({ address, uid });
          const { resource, name } = address;
          const kind = printedKind({ apiVersion: resource.group === "" ? "" : `${resource.group}/`, kind: resource.kind });
          const verb = plan.isForced ? "force deleted" : "deleted";
          streams.out(
            flags.string("output") === "name" ? `${kind}/${name}\n` : `${kind} "${name}" ${verb}${dryRunSuffix(plan.dryRun)}\n`,
          );
        } catch (error) {
          if (hasReason(error, "NotFound") && plan.ignoresMissing) continue;
          const { manifest } = target;
          errors.push(
            manifest === undefined ? error : withContext(error, `error when deleting ${JSON.stringify(manifest.source)}`),
          );
        }
      }
    } catch (error) {
      errors.push(error);
    }
  }
  if (deleted.length === 0 && errors.length === 0 && !targets.some(({ name }) => name !== undefined))
    streams.out("No resources found\n");
  if (plan.waits && plan.dryRun === "none") {
    for (const { address, uid } of deleted) {
      try {
        await waitUntilGone(context, address, uid, plan.timeoutMs);
      } catch (error) {
        errors.push(error);
      }
    }
  }
  throwAll(errors);
}

interface DeletionPlan {
  readonly dryRun: ReturnType<typeof dryRunOf>;
  readonly isForced: boolean;
  readonly waits: boolean;
  readonly timeoutMs: number;
  readonly ignoresMissing: boolean;
  readonly body: object;
}

/** @throws CliError for flags that contradict each other */
function planOf({ flags }: CommandContext): DeletionPlan {
  const dryRun = dryRunOf(flags);
  const force = flags.bool("force");
  const given = flags.int("grace-period");
  if (flags.bool("now") && given !== -1) throw new CliError("--now and --grace-period cannot be specified together");
  if (force && given > 0) throw new CliError("--force and --grace-period greater than 0 cannot be specified together");
  if (flags.bool("all") && flags.string("selector") !== "") {
    throw new CliError("cannot set --all and --selector at the same time");
  }
  if (!["", "name"].includes(flags.string("output"))) {
    throw new CliError(`unexpected -o output mode: ${flags.string("output")}. We only support '-o name'`);
  }
  const grace = flags.bool("now") ? 1 : force && given < 0 ? 0 : given;
  // Only --force may take an object away that still runs.
  const gracePeriodSeconds = grace === 0 && !force ? 1 : grace;
  return {
    dryRun,
    isForced: force && gracePeriodSeconds === 0,
    waits: flags.changed("wait") ? flags.bool("wait") : !(force && gracePeriodSeconds === 0),
    timeoutMs: flags.ms("timeout") === 0 ? aWeekMs : flags.ms("timeout"),
    ignoresMissing: flags.changed("ignore-not-found") ? flags.bool("ignore-not-found") : flags.bool("all"),
    body: {
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy: propagationOf(flags),
      ...(gracePeriodSeconds >= 0 && { gracePeriodSeconds }),
      ...(dryRun === "server" && { dryRun: ["All"] }),
    },
  };
}

function propagationOf(flags: Flags): string {
  switch (flags.string("cascade")) {
    case "background":
    case "true":
      return "Background";
    case "foreground":
      return "Foreground";
    case "orphan":
    case "false":
      return "Orphan";
    default:
      throw new CliError(`invalid cascade value (${flags.string("cascade")}). Must be "background", "foreground", or "orphan"`);
  }
}

async function addressesOf(context: CommandContext, target: FoundTarget): Promise<readonly ObjectAddress[]> {
  const { flags, session, signal } = context;
  const { resource, namespace, name } = target;
  if (name !== undefined) return [{ resource, namespace, name }];
  const { items } = await listObjects(
    session.client,
    {
      resource,
      ...(!flags.bool("all-namespaces") && { namespace }),
      labelSelector: flags.string("selector"),
      fieldSelector: flags.string("field-selector"),
    },
    { signal },
  );
  return items.map(({ metadata }) => ({ resource, namespace: metadata.namespace ?? "", name: metadata.name }));
}

/** @returns the uid of what is to go, if the server says it */
async function deleteOne({ session, signal }: CommandContext, address: ObjectAddress, body: object): Promise<string | undefined> {
  const answer = await session.client.send<Stored<KubeObject> & { details?: { uid?: string } }>({
    method: "DELETE",
    path: pathOf(address),
    body,
    signal,
  });
  return answer.kind === "Status" ? answer.details?.uid : answer.metadata.uid;
}
