import type { KubeObject } from "#api/object";
import { createThreeWayMergePatch } from "#api/patch/create-merge-patch";
import { createThreeWayStrategicMergePatch } from "#api/patch/create-strategic-merge-patch";
import type { JsonObject } from "#api/patch/merge-patch";
import { patchSchemaOf } from "#api/patch/patch-schema";
import { apiVersionOf } from "#api/resource-type";
import { hasReason } from "#api/status";
import {
  dryRunFlag,
  fieldManagerFlag,
  fileFlags,
  outputFlag,
  selectorFlag,
  showManagedFieldsFlag,
} from "../arguments/common-flags.ts";
import { dryRunOf, dryRunSuffix, type DryRun } from "../arguments/dry-run.ts";
import { fieldValidationOf, validateFlag } from "../arguments/field-validation.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { CliError, throwAll, withContext } from "../failures.ts";
import { hasFiles } from "../objects/find-targets.ts";
import { lastApplied, lastAppliedAnnotation, withLastApplied } from "../objects/last-applied.ts";
import { placeOf, selectedManifests, type Manifest } from "../objects/manifests.ts";
import {
  createObject,
  getObject,
  goResourceText,
  patchObject,
  type ObjectAddress,
  type ServerObject,
} from "../objects/requests.ts";
import { objectPrinter } from "../output/object-printer.ts";
import { printedName } from "../output/printed-name.ts";

export const applyCommand: ObjectCommand = {
  name: "apply",
  summary: "make the objects of files be as the files say",
  usage: "-f FILENAME [flags]",
  examples: [
    ["A file", "apply -f deployment.yaml"],
    ["All files of a folder and of those in it", "apply -R -f manifests/"],
    ["What another program writes", "apply -f - < objects.yaml"],
    ["Ask the server what would become of it", "apply -f deployment.yaml --dry-run=server -o yaml"],
  ],
  flags: [
    ...fileFlags,
    dryRunFlag,
    fieldManagerFlag("kubectl-client-side-apply"),
    outputFlag,
    selectorFlag,
    showManagedFieldsFlag,
    validateFlag,
    { name: "overwrite", type: "bool", fallback: "true", help: "Prefer the file where it and the live object differ." },
    { name: "server-side", type: "bool", help: "Let the server merge (not supported)." },
    { name: "prune", type: "bool", help: "Delete what is in the files no more (not supported)." },
    { name: "force", type: "bool", help: "Delete and create anew what cannot be changed (not supported)." },
  ],
  run: apply,
};

const attempts = 5;

async function apply(context: CommandContext): Promise<undefined> {
  const { flags, session, streams } = context;
  if (context.arguments.length > 0)
    throw new CliError(`Unexpected args: [${context.arguments.join(" ")}]\nSee 'skiff apply -h' for help and examples`);
  if (!hasFiles(flags)) throw new CliError("must specify one of -f and -k");
  for (const name of ["server-side", "prune", "force"]) {
    if (flags.bool(name)) throw new CliError(`--${name} is not supported`);
  }
  if (!flags.bool("overwrite")) throw new CliError("--overwrite=false is not supported");
  const dryRun = dryRunOf(flags);
  const validation = fieldValidationOf(flags);
  const output = flags.string("output");
  const printer = output === "" ? undefined : objectPrinter(output, { showManagedFields: flags.bool("show-managed-fields") });
  const { selected, errors } = await selectedManifests(context, "apply");
  const mapper = await session.mapper();
  const done: KubeObject[] = [];
  for (const manifest of selected) {
    try {
      const { resource, namespace } = placeOf(manifest, mapper, session);
      const { name = "", generateName = "" } = manifest.object.metadata;
      if (name === "" && generateName !== "") throw new CliError(`from ${generateName}: cannot use generate name with apply`);
      if (name === "") {
        throw new CliError(
          `error when retrieving current configuration of:\n${infoText({ resource, namespace, name })}\nfrom server for: "${manifest.source}": resource name may not be empty`,
        );
      }
      const result = await applyOne(context, manifest, { resource, namespace, name }, { dryRun, validation });
      if (printer === undefined) streams.out(`${printedName(result.object)} ${result.word}${dryRunSuffix(dryRun)}\n`);
      else if (output === "name") streams.out(printer(result.object));
      else done.push(result.object);
    } catch (error) {
      errors.push(error);
    }
  }
  const [only] = done;
  if (printer !== undefined && only !== undefined) {
    streams.out(printer(done.length === 1 ? only : { apiVersion: "v1", items: done, kind: "List", metadata: {} }));
  }
  throwAll(errors);
}

interface ApplyOptions {
  readonly dryRun: DryRun;
  readonly validation: string;
}

async function applyOne(
  context: CommandContext,
  manifest: Manifest,
  address: ObjectAddress,
  { dryRun, validation }: ApplyOptions,
): Promise<{ object: KubeObject; word: string }> {
  const { session, flags, streams, signal } = context;
  const query = {
    dryRun: dryRun === "server" ? "All" : undefined,
    fieldManager: flags.string("field-manager"),
    fieldValidation: validation,
  };
  const modified = withLastApplied(located(manifest.object, address) as unknown as JsonObject);
  for (let attempt = 1; ; attempt++) {
    const live = await currentOf(context, address, manifest);
    if (live === undefined) {
      if (dryRun === "client") return { object: modified as unknown as KubeObject, word: "created" };
      try {
        return { object: await createObject(session.client, address, modified, query), word: "created" };
      } catch (error) {
        throw withContext(error, `error when creating ${JSON.stringify(manifest.source)}`);
      }
    }
    if (dryRun === "client") return { object: live, word: "configured" };
    warnOf(live, streams);
    const patch = patchFor(live, modified, address);
    if (Object.keys(patch.body).length === 0) return { object: live, word: "unchanged" };
    try {
      const object = await patchObject(session.client, address, patch, query);
      if (object.metadata.deletionTimestamp !== undefined) {
        streams.err(`Warning: Detected changes to resource ${address.name} which is currently being deleted.\n`);
      }
      return { object, word: "configured" };
    } catch (error) {
      if (hasReason(error, "Conflict") && attempt < attempts) {
        await context.clock.sleep(attempt * 100, signal);
        continue;
      }
      const source = JSON.stringify(manifest.source);
      throw withContext(
        error,
        `error when applying patch:\n${JSON.stringify(patch.body)}\nto:\n${infoText(address)}\nfor: ${source}: error when patching ${source}`,
      );
    }
  }
}

async function currentOf(
  { session, signal }: CommandContext,
  address: ObjectAddress,
  { source }: Manifest,
): Promise<ServerObject | undefined> {
  try {
    return await getObject(session.client, address, { signal });
  } catch (error) {
    if (hasReason(error, "NotFound")) return undefined;
    throw withContext(
      error,
      `error when retrieving current configuration of:\n${infoText(address)}\nfrom server for: ${JSON.stringify(source)}`,
    );
  }
}

function warnOf(live: ServerObject, streams: CommandContext["streams"]): void {
  if (live.metadata.annotations?.[lastAppliedAnnotation] !== undefined) return;
  streams.err(
    `Warning: resource ${resourceText(live)} is missing the ${lastAppliedAnnotation} annotation which is required by skiff apply. skiff apply should only be used on resources created declaratively by either skiff create --save-config or skiff apply. The missing annotation will be patched automatically.\n`,
  );
}

function resourceText({ kind = "", metadata }: KubeObject): string {
  return `${kind.toLowerCase()}s/${metadata.name ?? ""}`;
}

function patchFor(
  live: ServerObject,
  modified: JsonObject,
  { resource }: ObjectAddress,
): { readonly type: "merge-patch" | "strategic-merge-patch"; readonly body: JsonObject } {
  const current = live as unknown as JsonObject;
  const original = lastApplied(current) ?? {};
  const schema = patchSchemaOf(resource.group, resource.version, resource.kind);
  if (schema === undefined) return { type: "merge-patch", body: createThreeWayMergePatch(original, modified, current) };
  return { type: "strategic-merge-patch", body: createThreeWayStrategicMergePatch(original, modified, current, schema) };
}

/** The namespace belongs to what is applied, even when the file leaves it out. */
export function located(object: KubeObject, { resource, namespace }: Omit<ObjectAddress, "name">): KubeObject {
  return resource.namespaced ? { ...object, metadata: { ...object.metadata, namespace } } : object;
}

function infoText({ resource, namespace, name }: ObjectAddress): string {
  const kind = `${resource.group === "" ? "/" : ""}${apiVersionOf(resource)}, Kind=${resource.kind}`;
  const where = JSON.stringify(resource.namespaced ? namespace : "");
  return `Resource: ${JSON.stringify(goResourceText(resource))}, GroupVersionKind: ${JSON.stringify(kind)}\nName: ${JSON.stringify(name)}, Namespace: ${where}`;
}
