import type { KubeObject } from "#api/object";
import { labelValueErrors } from "#api/label-validation";
import { dryRunFlag, fieldManagerFlag, outputFlag, showManagedFieldsFlag } from "../arguments/common-flags.ts";
import { dryRunOf, dryRunSuffix } from "../arguments/dry-run.ts";
import { parsePairs, type Pairs } from "../arguments/pairs.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { CliError, throwAll } from "../failures.ts";
import { choosingFlags, chosenObjects, type LiveObject } from "../objects/each-object.ts";
import { hasFiles } from "../objects/find-targets.ts";
import { patchObject } from "../objects/requests.ts";
import { goJson } from "../output/go-json.ts";
import { objectPrinter } from "../output/object-printer.ts";
import { printedName } from "../output/printed-name.ts";

/** Labels and annotations are changed alike. */
interface Subject {
  readonly field: "labels" | "annotations";
  readonly noun: string;
  /** What was done to an object. */
  word(before: KubeObject, after: KubeObject, overwrite: boolean): string;
}

const labels: Subject = {
  field: "labels",
  noun: "label",
  word: (before, after, overwrite) => {
    const [was, is] = [goJson(before), goJson(after)];
    return was === is ? "not labeled" : !overwrite && is.length < was.length ? "unlabeled" : "labeled";
  },
};

const annotations: Subject = { field: "annotations", noun: "annotation", word: () => "annotated" };

export const labelCommand = commandFor(labels, "label", "add, change or remove labels of objects", [
  ["Add a label", "label pod web tier=front"],
  ["Change one that is there", "label --overwrite pod web tier=back"],
  ["Remove it", "label pod web tier-"],
  ["All pods of the namespace", "label pods --all stage=test"],
]);

export const annotateCommand = commandFor(annotations, "annotate", "add, change or remove annotations of objects", [
  ["Add an annotation", 'annotate deployment web description="the shop"'],
  ["Change one that is there", "annotate --overwrite deployment web kubernetes.io/change-cause=v2"],
  ["Remove it", "annotate deployment web description-"],
]);

function commandFor(subject: Subject, name: string, summary: string, examples: ObjectCommand["examples"]): ObjectCommand {
  return {
    name,
    summary,
    usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY=VALUE ... KEY- ... [flags]",
    examples,
    flags: [
      ...choosingFlags,
      dryRunFlag,
      fieldManagerFlag(`kubectl-${name}`),
      { name: "list", type: "bool", help: `Show the ${subject.field}.` },
      outputFlag,
      { name: "overwrite", type: "bool", help: "Change also what has a value already." },
      { name: "resource-version", type: "string", help: "Only if the object is at this version." },
      showManagedFieldsFlag,
    ],
    run: (context) => change(context, subject),
  };
}

async function change(context: CommandContext, subject: Subject): Promise<undefined> {
  const { flags } = context;
  const { resources, pairs } = parsePairs(context.arguments, subject.noun);
  if (resources.length === 0 && !hasFiles(flags)) {
    throw new CliError("one or more resources must be specified as <resource> <name> or <resource>/<name>");
  }
  checkFlags(context, pairs, subject);
  const { objects, errors } = await chosenObjects(context, resources);
  if (flags.string("resource-version") !== "" && objects.length > 1) {
    throw new CliError("--resource-version may only be used with a single resource");
  }
  const failed = [...errors];
  for (const live of objects) {
    try {
      await changeOne(context, live, pairs, subject);
    } catch (error) {
      failed.push(error);
    }
  }
  throwAll(failed);
}

function checkFlags({ flags }: CommandContext, pairs: Pairs, { noun, field }: Subject): void {
  if (pairs.set.size === 0 && pairs.remove.length === 0 && !flags.bool("list")) {
    throw new CliError(`at least one ${noun} update is required`);
  }
  if (flags.bool("all") && flags.string("selector") !== "")
    throw new CliError("cannot set --all and --selector at the same time");
  if (field !== "labels") return;
  for (const [key, value] of pairs.set) {
    const [problem] = labelValueErrors(value);
    if (problem !== undefined) throw new CliError(`invalid label value: ${JSON.stringify(`${key}=${value}`)}: ${problem}`);
  }
}

async function changeOne(
  context: CommandContext,
  { address, object }: LiveObject,
  pairs: Pairs,
  subject: Subject,
): Promise<void> {
  const { flags, session, streams } = context;
  const dryRun = dryRunOf(flags);
  const before = object.metadata[subject.field] ?? {};
  if (flags.bool("list")) {
    streams.out(
      Object.entries(before)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    );
    return;
  }
  const overwrite = flags.bool("overwrite");
  for (const [key, value] of pairs.set) {
    const known = before[key];
    if (!overwrite && known !== undefined && known !== value) {
      throw new CliError(
        subject.field === "labels"
          ? `'${key}' already has a value (${known}), and --overwrite is false`
          : `--overwrite is false but found the following declared annotation(s): '${key}' already has a value (${known})`,
      );
    }
  }
  if (subject.field === "labels") {
    for (const key of pairs.remove) if (!(key in before)) streams.out(`label "${key}" not found.\n`);
  }
  const kept = Object.entries(before).filter(([key]) => !pairs.remove.includes(key));
  const after: KubeObject = {
    ...object,
    metadata: { ...object.metadata, [subject.field]: { ...Object.fromEntries(kept), ...Object.fromEntries(pairs.set) } },
  };
  const removed = pairs.remove.filter((key) => key in before).map((key) => [key, null] as const);
  const added = [...pairs.set].filter(([key, value]) => before[key] !== value);
  const resourceVersion = flags.string("resource-version");
  const body = {
    metadata: {
      ...(added.length + removed.length > 0 && { [subject.field]: Object.fromEntries([...added, ...removed]) }),
      ...(resourceVersion !== "" && { resourceVersion }),
    },
  };
  const query = { dryRun: dryRun === "server" ? "All" : undefined, fieldManager: flags.string("field-manager") };
  const result = dryRun === "client" ? after : await patchObject(session.client, address, { type: "merge-patch", body }, query);
  const output = flags.string("output");
  if (output !== "") {
    streams.out(objectPrinter(output, { showManagedFields: flags.bool("show-managed-fields") })(result));
    return;
  }
  streams.out(`${printedName(result)} ${subject.word(object, after, overwrite)}${dryRunSuffix(dryRun)}\n`);
}
