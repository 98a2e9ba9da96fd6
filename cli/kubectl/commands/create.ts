import type { KubeObject } from "#api/object";
import type { JsonObject } from "#api/patch/merge-patch";
import {
  dryRunFlag,
  fieldManagerFlag,
  fileFlags,
  outputFlag,
  selectorFlag,
  showManagedFieldsFlag,
} from "../arguments/common-flags.ts";
import { dryRunOf, dryRunSuffix } from "../arguments/dry-run.ts";
import { fieldValidationOf, validateFlag } from "../arguments/field-validation.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { CliError, throwAll, withContext } from "../failures.ts";
import { hasFiles } from "../objects/find-targets.ts";
import { withLastApplied } from "../objects/last-applied.ts";
import { placeOf, selectedManifests } from "../objects/manifests.ts";
import { createObject } from "../objects/requests.ts";
import { objectPrinter } from "../output/object-printer.ts";
import { printedName } from "../output/printed-name.ts";
import { located } from "./apply.ts";

export const createCommand: ObjectCommand = {
  name: "create",
  summary: "make the objects of files; those that exist already are refused",
  usage: "-f FILENAME [flags]",
  examples: [
    ["A file", "create -f pod.yaml"],
    ["So that apply can go on from it", "create -f deployment.yaml --save-config"],
  ],
  flags: [
    ...fileFlags,
    dryRunFlag,
    fieldManagerFlag("kubectl-create"),
    outputFlag,
    { name: "save-config", type: "bool", help: "Note the configuration on the object, as apply does." },
    selectorFlag,
    showManagedFieldsFlag,
    validateFlag,
  ],
  run: create,
};

async function create(context: CommandContext): Promise<undefined> {
  const { flags, session, streams } = context;
  if (context.arguments.length > 0) {
    throw new CliError(
      `create makes objects of files alone: skiff create -f FILENAME. Unexpected: ${context.arguments.join(" ")}`,
    );
  }
  if (!hasFiles(flags)) throw new CliError("must specify one of -f and -k");
  const dryRun = dryRunOf(flags);
  const query = {
    dryRun: dryRun === "server" ? "All" : undefined,
    fieldManager: flags.string("field-manager"),
    fieldValidation: fieldValidationOf(flags),
  };
  const output = flags.string("output");
  const printer = output === "" ? undefined : objectPrinter(output, { showManagedFields: flags.bool("show-managed-fields") });
  const { selected, errors } = await selectedManifests(context, "create");
  const mapper = await session.mapper();
  for (const manifest of selected) {
    try {
      const place = placeOf(manifest, mapper, session);
      const object = located(manifest.object, place);
      const body = flags.bool("save-config") ? withLastApplied(object as unknown as JsonObject) : object;
      const made =
        dryRun === "client"
          ? (body as KubeObject)
          : await createObject(session.client, place, body, query).catch((error: unknown) => {
              throw withContext(error, `error when creating ${JSON.stringify(manifest.source)}`);
            });
      streams.out(printer === undefined ? `${printedName(made)} created${dryRunSuffix(dryRun)}\n` : printer(made));
    } catch (error) {
      errors.push(error);
    }
  }
  throwAll(errors);
}
