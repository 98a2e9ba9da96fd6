import { dryRunFlag, fileFlags, outputFlag, selectorFlag, showManagedFieldsFlag } from "../arguments/common-flags.ts";
import { dryRunOf, dryRunSuffix } from "../arguments/dry-run.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { CliError, throwAll } from "../failures.ts";
import { chosenObjects, type LiveObject } from "../objects/each-object.ts";
import { getObject, patchObject, pathOf, type ServerObject } from "../objects/requests.ts";
import { objectPrinter } from "../output/object-printer.ts";
import { printedName } from "../output/printed-name.ts";

export const scaleCommand: ObjectCommand = {
  name: "scale",
  summary: "set how many pods a workload has",
  usage: "[--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME) [flags]",
  examples: [
    ["Three pods", "scale --replicas=3 deployment/web"],
    ["Only if there are two now", "scale --current-replicas=2 --replicas=3 deployment/web"],
    ["Several workloads", "scale --replicas=0 deployment/web deployment/worker"],
  ],
  flags: [
    { name: "replicas", type: "int", help: "The number of pods to have. Required." },
    { name: "current-replicas", type: "int", fallback: "-1", help: "Only if there are this many now." },
    { name: "resource-version", type: "string", help: "Only if the object is at this version." },
    { name: "timeout", type: "duration", fallback: "0s", help: "How long to wait until they are there; 0: do not." },
    { name: "all", type: "bool", help: "All objects of the kinds, in the namespace." },
    dryRunFlag,
    ...fileFlags,
    outputFlag,
    selectorFlag,
    showManagedFieldsFlag,
  ],
  run: scale,
};

async function scale(context: CommandContext): Promise<undefined> {
  const { flags } = context;
  if (!flags.changed("replicas")) throw new CliError('required flag(s) "replicas" not set');
  if (flags.int("replicas") < 0) {
    throw new CliError("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
  }
  if (flags.int("current-replicas") < -1) throw new CliError("The --current-replicas must specify an integer of -1 or greater");
  const { objects, errors } = await chosenObjects(context);
  if (objects.length === 0) {
    const why = errors.map((error) => (error instanceof Error ? error.message : "")).join(", ");
    throw new CliError(`no objects passed to scale${why === "" ? "" : ` ${why}`}`);
  }
  if (flags.string("resource-version") !== "" && objects.length > 1) {
    throw new CliError("cannot use --resource-version with multiple resources");
  }
  const failed = [...errors];
  for (const live of objects) {
    try {
      await scaleOne(context, live);
    } catch (error) {
      failed.push(error);
    }
  }
  throwAll(failed);
}

type Scale = ServerObject & { readonly spec?: { readonly replicas?: number }; readonly status?: { readonly replicas?: number } };

async function scaleOne(context: CommandContext, { address, object }: LiveObject): Promise<void> {
  const { flags, session, streams } = context;
  const dryRun = dryRunOf(flags);
  const replicas = flags.int("replicas");
  const expected = flags.int("current-replicas");
  const version = flags.string("resource-version");
  const query = { dryRun: dryRun === "server" ? "All" : undefined };
  if (dryRun !== "client") {
    if (expected === -1 && version === "") {
      await patchObject(session.client, address, { type: "merge-patch", body: { spec: { replicas } } }, query, "scale");
    } else {
      const before = (await getObject(session.client, address, { subresource: "scale" })) as Scale;
      const now = before.spec?.replicas ?? 0;
      if (expected !== -1 && now !== expected) throw new CliError(`Expected replicas to be ${expected}, was ${now}`);
      if (version !== "" && before.metadata.resourceVersion !== version) {
        throw new CliError(`Expected resource version to be ${version}, was ${before.metadata.resourceVersion}`);
      }
      const path = pathOf(address, query, "scale");
      await session.client.send({ method: "PUT", path, body: { ...before, spec: { ...before.spec, replicas } } });
    }
  }
  if (flags.ms("timeout") > 0 && dryRun === "none") await waitForReplicas(context, address, replicas);
  const output = flags.string("output");
  if (output === "") streams.out(`${printedName(object)} scaled${dryRunSuffix(dryRun)}\n`);
  else {
    const current = dryRun === "none" ? await getObject(session.client, address) : object;
    streams.out(objectPrinter(output, { showManagedFields: flags.bool("show-managed-fields") })(current));
  }
}

async function waitForReplicas(context: CommandContext, address: LiveObject["address"], replicas: number): Promise<void> {
  const { flags, session, clock, signal } = context;
  const deadline = clock.monotonic() + flags.ms("timeout");
  for (;;) {
    const { spec, status } = (await getObject(session.client, address, { subresource: "scale", signal })) as Scale;
    if ((status?.replicas ?? 0) === replicas && (spec?.replicas ?? 0) === replicas) return;
    if (clock.monotonic() >= deadline) throw new CliError("timed out waiting for the condition");
    await clock.sleep(200, signal);
  }
}
