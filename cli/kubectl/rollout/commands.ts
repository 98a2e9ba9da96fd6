import type { Deployment, PodTemplateSpec } from "#api/generated/types";
import { isDeepStrictEqual } from "node:util";
import { timestamp } from "#base/clock";
import {
  dryRunFlag,
  fieldManagerFlag,
  fileFlags,
  outputFlag,
  selectorFlag,
  showManagedFieldsFlag,
} from "../arguments/common-flags.ts";
import { dryRunOf, dryRunSuffix } from "../arguments/dry-run.ts";
import type { Flag } from "../arguments/flags.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { podTemplateText } from "../describe/pod-template.ts";
import { CliError, throwAll } from "../failures.ts";
import { chosenObjects, type LiveObject } from "../objects/each-object.ts";
import { patchObject, type ServerObject } from "../objects/requests.ts";
import { watchTarget } from "../objects/watch-target.ts";
import { elasticTabs } from "../output/elastic-tabs.ts";
import { objectPrinter } from "../output/object-printer.ts";
import { printedName } from "../output/printed-name.ts";
import { progressOf } from "./progress.ts";
import { NoRevisions, refusal, revisionsOf, withoutHash, type RolloutRevision } from "./revisions.ts";

const usage = "(TYPE NAME | TYPE/NAME) [flags]";
const choosing: readonly Flag[] = [...fileFlags, selectorFlag];
const printing: readonly Flag[] = [outputFlag, showManagedFieldsFlag];

export const rolloutCommands: readonly ObjectCommand[] = [
  {
    name: "rollout status",
    summary: "wait until a rollout has ended",
    usage,
    examples: [
      ["Wait for a deployment", "rollout status deployment/web"],
      ["At most a minute", "rollout status deployment/web --timeout=1m"],
    ],
    flags: [
      ...choosing,
      { name: "revision", type: "int", fallback: "0", help: "Of this revision; 0: of the latest." },
      { name: "timeout", type: "duration", fallback: "0s", help: "How long to wait; 0: as long as it takes." },
      { name: "watch", short: "w", type: "bool", fallback: "true", help: "Wait until it is done." },
    ],
    run: (context) => forEach(context, status),
  },
  {
    name: "rollout history",
    summary: "show the revisions of a workload",
    usage,
    examples: [
      ["All revisions", "rollout history deployment/web"],
      ["One of them in full", "rollout history deployment/web --revision=2"],
    ],
    flags: [...choosing, ...printing, { name: "revision", type: "int", fallback: "0", help: "Show this one in full." }],
    run: (context) => forEach(context, history),
  },
  {
    name: "rollout undo",
    summary: "go back to an earlier revision",
    usage,
    examples: [
      ["The one before", "rollout undo deployment/web"],
      ["A certain one", "rollout undo deployment/web --to-revision=2"],
    ],
    flags: [
      ...choosing,
      ...printing,
      dryRunFlag,
      { name: "to-revision", type: "int", fallback: "0", help: "To this one; 0: to the one before." },
    ],
    run: (context) => forEach(context, undo),
  },
  changeCommand("rollout restart", "replace all pods of a workload, little by little", restart),
  changeCommand("rollout pause", "let changes of a deployment wait", pause),
  changeCommand("rollout resume", "go on with a paused deployment", resume),
];

type Change = (live: LiveObject, context: CommandContext) => { readonly patch: object; readonly word: string };

function changeCommand(name: string, summary: string, change: Change): ObjectCommand {
  return {
    name,
    summary,
    usage: "RESOURCE [flags]",
    examples: [["A deployment", `${name} deployment/web`]],
    flags: [...choosing, ...printing, fieldManagerFlag("kubectl-rollout")],
    run: (context) =>
      forEach(context, async (live) => {
        const { patch: body, word } = change(live, context);
        const query = { fieldManager: context.flags.string("field-manager") };
        const result = await patchObject(context.session.client, live.address, { type: "strategic-merge-patch", body }, query);
        report(context, result, word);
      }),
  };
}

async function forEach(
  context: CommandContext,
  work: (live: LiveObject, context: CommandContext) => Promise<void>,
): Promise<undefined> {
  const { objects, errors } = await chosenObjects(context);
  const failed = [...errors];
  for (const live of objects) {
    try {
      await work(live, context);
    } catch (error) {
      failed.push(error);
    }
  }
  throwAll(failed);
}

function report({ flags, streams }: CommandContext, object: ServerObject, word: string): void {
  const output = flags.string("output");
  if (output === "") streams.out(`${printedName(object)} ${word}\n`);
  else streams.out(objectPrinter(output, { showManagedFields: flags.bool("show-managed-fields") })(object));
}

function about({ address: { resource, name } }: LiveObject): string {
  return `${resource.resource}${resource.group === "" ? "" : `.${resource.group}`} ${JSON.stringify(name)}`;
}

function restart(live: LiveObject, { clock }: CommandContext): ReturnType<Change> {
  const { kind = "" } = live.object;
  if (!["Deployment", "DaemonSet", "StatefulSet"].includes(kind))
    throw new CliError(`${about(live)} restarting is not supported`);
  if (isPaused(live)) throw new CliError(`${about(live)} can't restart paused deployment (run rollout resume first)`);
  const annotations = { "kubectl.kubernetes.io/restartedAt": timestamp(clock.now()) };
  return { patch: { spec: { template: { metadata: { annotations } } } }, word: "restarted" };
}

function pause(live: LiveObject): ReturnType<Change> {
  if (live.object.kind !== "Deployment") throw new CliError(`${about(live)} pausing is not supported`);
  if (isPaused(live)) throw new CliError(`${about(live)} is already paused`);
  return { patch: { spec: { paused: true } }, word: "paused" };
}

function resume(live: LiveObject): ReturnType<Change> {
  if (live.object.kind !== "Deployment") throw new CliError(`${about(live)} resuming is not supported`);
  if (!isPaused(live)) throw new CliError(`${about(live)} is not paused`);
  return { patch: { spec: { paused: null } }, word: "resumed" };
}

function isPaused({ object }: LiveObject): boolean {
  return (object as unknown as Deployment).spec?.paused === true;
}

async function status(live: LiveObject, context: CommandContext): Promise<void> {
  const { flags, streams, clock } = context;
  const revision = flags.int("revision");
  if (!flags.bool("watch")) {
    streams.out(`${progressOf(live.object, revision).text}\n`);
    return;
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const timeout = flags.ms("timeout");
  const late = new CliError("timed out waiting for the condition");
  if (timeout > 0)
    void clock.sleep(timeout, signal).then(
      () => stop.abort(late),
      () => undefined,
    );
  try {
    await watchUntilDone({ ...context, signal }, live, revision);
  } finally {
    stop.abort(new Error("done"));
  }
}

async function watchUntilDone(context: CommandContext, live: LiveObject, revision: number): Promise<void> {
  const { resource, namespace, name } = live.address;
  for (;;) {
    // The server ends a watch after a while; another begins with what there is then.
    const changes = watchTarget(
      context,
      { resource, namespace, name },
      { resource, namespace },
      {
        accept: "application/json",
        showsExisting: true,
      },
    );
    for await (const { type, object } of changes) {
      if (type === "DELETED") throw new CliError("object has been deleted");
      const { text, done } = progressOf(object as ServerObject, revision);
      context.streams.out(`${text}\n`);
      if (done) return;
    }
  }
}

async function history(live: LiveObject, context: CommandContext): Promise<void> {
  const { flags, streams } = context;
  const revisions = await revisionsOf(context, live);
  const wanted = flags.int("revision");
  const output = flags.string("output");
  if (output !== "") {
    const print = objectPrinter(output, { showManagedFields: flags.bool("show-managed-fields") });
    const chosen = wanted === 0 ? revisions.at(-1) : find(revisions, wanted);
    if (chosen !== undefined) streams.out(print(chosen.object));
    return;
  }
  const name = printedName(live.object);
  if (wanted > 0) {
    const { template, changeCause } = find(revisions, wanted);
    const annotations = changeCause === "" ? {} : { "kubernetes.io/change-cause": changeCause };
    const shown: PodTemplateSpec = {
      ...template,
      metadata: { ...template.metadata, annotations: { ...template.metadata?.annotations, ...annotations } },
    };
    streams.out(`${name} with revision #${wanted}\n${podTemplateText(shown)}\n`);
    return;
  }
  if (revisions.length === 0) {
    streams.out(`${name} \nNo rollout history found.\n`);
    return;
  }
  const lines = revisions.map(({ number, changeCause }) => `${number}\t${changeCause === "" ? "<none>" : changeCause}\n`);
  streams.out(`${name} \n${elasticTabs(`REVISION\tCHANGE-CAUSE\n${lines.join("")}`)}\n`);
}

function find(revisions: readonly RolloutRevision[], wanted: number): RolloutRevision {
  const found = revisions.find(({ number }) => number === wanted);
  if (found === undefined) throw new CliError(`unable to find the specified revision`);
  return found;
}

async function undo(live: LiveObject, context: CommandContext): Promise<void> {
  const { flags, session, streams } = context;
  const { kind = "", metadata } = live.object;
  const revisions = await revisionsOf(context, live).catch((error: unknown) => {
    if (!(error instanceof NoRevisions)) throw error;
    throw new CliError(refusal(live, "no rollbacker has been implemented for", "error retrieving rollbacker for"), {
      cause: error,
    });
  });
  if (isPaused(live)) {
    throw new CliError("you cannot rollback a paused deployment; resume it first with 'skiff rollout resume' and try again");
  }
  const wanted = flags.int("to-revision");
  if (wanted < 0) throw new CliError(`revision must be >= 0`);
  if (wanted === 0 && revisions.length < 2)
    throw new CliError(`no rollout history found for ${kind.toLowerCase()} ${JSON.stringify(metadata.name)}`);
  const target = wanted === 0 ? revisions.at(-2) : revisions.find(({ number }) => number === wanted);
  if (target === undefined) throw new CliError(`unable to find specified revision ${wanted} in history`);
  const dryRun = dryRunOf(flags);
  const template = withoutHash(target.template);
  if (dryRun === "client") {
    streams.out(`${printedName(live.object)} ${podTemplateText(template).trimEnd()}\n`);
    return;
  }
  const current = (live.object as unknown as { spec?: { template?: PodTemplateSpec } }).spec?.template;
  if (isDeepStrictEqual(current, template)) {
    streams.out(`${printedName(live.object)} skipped rollback (current template already matches revision ${target.number})\n`);
    return;
  }
  const query = { dryRun: dryRun === "server" ? "All" : undefined };
  const body = kind === "Deployment" ? deploymentUndo(live, target) : (target.object["data"] as object);
  const type = kind === "Deployment" ? "json-patch" : "strategic-merge-patch";
  const result = await patchObject(session.client, live.address, { type, body }, query);
  report(context, result, `rolled back${dryRunSuffix(dryRun)}`);
}

/** What a ReplicaSet notes of itself is not for the deployment. */
const ownAnnotations = [
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/revision",
  "deployment.kubernetes.io/revision-history",
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
  "deprecated.deployment.rollback.to",
];

function deploymentUndo({ object }: LiveObject, { template, object: replicaSet }: RolloutRevision): object {
  const kept = Object.entries(object.metadata.annotations ?? {}).filter(([key]) => ownAnnotations.includes(key));
  const restored = Object.entries(replicaSet.metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.includes(key));
  return [
    { op: "replace", path: "/spec/template", value: withoutHash(template) },
    { op: "replace", path: "/metadata/annotations", value: Object.fromEntries([...kept, ...restored]) },
  ];
}
