import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { hasReason } from "#api/status";
import type { ServedResource } from "#client/discovery-client";
import { selectorFlag } from "../arguments/common-flags.ts";
import { parseTargets } from "../arguments/targets.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { CliError, throwAll, UsageError } from "../failures.ts";
import { podsOf } from "../objects/pods-of.ts";
import { getObject, listObjects, pathOf, type ServerObject } from "../objects/requests.ts";

export const logsCommand: ObjectCommand = {
  name: "logs",
  summary: "print what containers have written",
  usage: "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER] [flags]",
  examples: [
    ["A pod with one container", "logs web-1"],
    ["Go on as it writes", "logs -f web-1 -c app"],
    ["The run before the last restart", "logs -p web-1"],
    ["All pods with a label", "logs -l app=web --all-containers --prefix"],
    ["A pod of a deployment, the last hour", "logs deployment/web --since=1h"],
  ],
  flags: [
    { name: "all-containers", type: "bool", help: "Of all containers of the pod." },
    { name: "all-pods", type: "bool", help: "Of all pods of the workload." },
    { name: "container", short: "c", type: "string", help: "Of this container." },
    { name: "follow", short: "f", type: "bool", help: "Go on as more is written." },
    { name: "ignore-errors", type: "bool", help: "With -f: go on with the others when one fails." },
    { name: "limit-bytes", type: "int", fallback: "0", help: "No more than this; 0: everything." },
    { name: "max-log-requests", type: "int", fallback: "5", help: "How many to follow at once." },
    { name: "prefix", type: "bool", help: "Begin each line with the pod and the container." },
    { name: "previous", short: "p", type: "bool", help: "Of the container's run before this one." },
    selectorFlag,
    { name: "since", type: "duration", fallback: "0s", help: "Only what is younger, e.g. 5s, 2m, 3h." },
    { name: "since-time", type: "string", help: "Only what is after this time (RFC 3339)." },
    { name: "tail", type: "int", fallback: "-1", help: "Only the last lines; -1: all, or 10 with a selector." },
    { name: "timestamps", type: "bool", help: "Begin each line with its time." },
  ],
  run: logs,
};

interface LogSource {
  readonly pod: Stored<Pod>;
  readonly container: string;
}

async function logs(context: CommandContext): Promise<undefined> {
  const { flags, arguments: words } = context;
  const selector = flags.string("selector");
  if (words.length > 2 || (words.length === 0 && selector === "")) {
    throw new UsageError(
      "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command",
      "See 'skiff logs -h' for help and examples",
    );
  }
  if (words.length > 0 && selector !== "") throw new CliError("only a selector (-l) or a POD name is allowed");
  checkFlags(context);
  const pods = await chosenPods(context);
  const sources = pods.flatMap((pod) => containersOf(context, pod, words[1]).map((container) => ({ pod, container })));
  const atOnce = flags.int("max-log-requests");
  if (flags.bool("follow") && sources.length > atOnce) {
    throw new CliError(
      `you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${atOnce}, use --max-log-requests to increase the limit`,
    );
  }
  if (flags.bool("follow") && sources.length > 1) await followAll(context, sources);
  else for (const source of sources) await printLog(context, source);
}

function checkFlags({ flags }: CommandContext): void {
  if (flags.changed("since") && flags.string("since-time") !== "") {
    throw new CliError("at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  if (flags.ms("since") < 0) throw new CliError("--since must be greater than 0");
  if (flags.bool("all-containers") && flags.string("container") !== "") {
    throw new CliError("--all-containers=true should not be specified with container name " + flags.string("container"));
  }
  if (flags.int("tail") < -1) throw new CliError("--tail must be greater than or equal to -1");
  if (flags.string("since-time") !== "" && Number.isNaN(Date.parse(flags.string("since-time")))) {
    throw new CliError(`parsing time ${JSON.stringify(flags.string("since-time"))}: it is not of the form 2026-01-02T15:04:05Z`);
  }
}

async function chosenPods(context: CommandContext): Promise<readonly Stored<Pod>[]> {
  const { flags, session, streams, signal, arguments: words } = context;
  const mapper = await session.mapper();
  const pods = mapper.find("pods");
  const { namespace } = session;
  const selector = flags.string("selector");
  if (selector !== "") {
    const { items } = await listObjects(session.client, { resource: pods, namespace, labelSelector: selector }, { signal });
    if (items.length === 0) streams.err(`No resources found in ${namespace} namespace.\n`);
    return items;
  }
  const [first = ""] = words;
  if (!first.includes("/")) return [await named(context, pods, first)];
  const [target] = parseTargets([first], mapper);
  const { resource = pods, name = "" } = target ?? {};
  if (resource === pods) return [await named(context, pods, name)];
  const owner = await named(context, resource, name);
  const found = await podsOf(context, pods, owner);
  const [chosen] = found;
  if (chosen === undefined) throw new CliError("timed out waiting for the condition");
  if (flags.bool("all-pods")) return found;
  if (found.length > 1) streams.err(`Found ${found.length} pods, using pod/${chosen.metadata.name}\n`);
  return [chosen];
}

async function named({ session, signal }: CommandContext, resource: ServedResource, name: string): Promise<ServerObject> {
  const { namespace } = session;
  try {
    return await getObject(session.client, { resource, namespace, name }, { signal });
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
    throw new CliError(`error from server (NotFound): ${error.message} in namespace "${namespace}"`, { cause: error });
  }
}

function containersOf({ flags, streams }: CommandContext, pod: Stored<Pod>, second: string | undefined): readonly string[] {
  const names = (list: readonly { name: string }[] | undefined): string[] => (list ?? []).map(({ name }) => name);
  const main = names(pod.spec?.containers);
  const init = names(pod.spec?.initContainers);
  const ephemeral = names(pod.spec?.ephemeralContainers);
  if (flags.bool("all-containers")) return [...init, ...main, ...ephemeral];
  const given = flags.string("container") === "" ? second : flags.string("container");
  if (given !== undefined) {
    if ([...main, ...init, ...ephemeral].includes(given)) return [given];
    throw new CliError(`container ${given} is not valid for pod ${pod.metadata.name}`);
  }
  const annotated = pod.metadata.annotations?.["kubectl.kubernetes.io/default-container"];
  if (annotated !== undefined && main.includes(annotated)) return [annotated];
  const [first = ""] = main;
  const others = [
    ...main.map((name) => name),
    ...init.map((name) => `${name} (init)`),
    ...ephemeral.map((name) => `${name} (ephem)`),
  ];
  if (others.length > 1) streams.err(`Defaulted container ${JSON.stringify(first)} out of: ${others.join(", ")}\n`);
  return [first];
}

async function followAll(context: CommandContext, sources: readonly LogSource[]): Promise<void> {
  const errors: unknown[] = [];
  await Promise.all(
    sources.map(async (source) => {
      try {
        await printLog(context, source);
      } catch (error) {
        if (!context.flags.bool("ignore-errors")) throw error;
        context.streams.err(`error: ${(error as Error).message}\n`);
      }
    }),
  );
  throwAll(errors);
}

async function printLog(context: CommandContext, { pod, container }: LogSource): Promise<void> {
  const { session, flags, streams, signal } = context;
  const resource = (await session.mapper()).find("pods");
  const { name, namespace = "" } = pod.metadata;
  const path = pathOf({ resource, namespace, name }, queryOf(context, container), "log");
  const prefix = flags.bool("prefix") ? Buffer.from(`[pod/${name}/${container}] `) : undefined;
  // Whole lines, so that those of several containers do not mix.
  const whole = prefix !== undefined || flags.bool("follow");
  let rest = Buffer.alloc(0);
  for await (const chunk of session.client.stream({ path, accept: "*/*", signal })) {
    if (!whole) {
      streams.out(chunk);
      continue;
    }
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    rest = bytes.subarray(end);
    streams.out(prefixed(bytes.subarray(0, end), prefix));
  }
  if (rest.length > 0) streams.out(prefixed(rest, prefix));
}

function prefixed(lines: Buffer, prefix: Buffer | undefined): Buffer {
  if (prefix === undefined) return lines;
  const parts: Buffer[] = [];
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(0x0a, start) === -1 ? lines.length : lines.indexOf(0x0a, start) + 1;
    parts.push(prefix, lines.subarray(start, end));
    start = end;
  }
  return Buffer.concat(parts);
}

function queryOf({ flags }: CommandContext, container: string): Record<string, string | undefined> {
  const tail = flags.changed("tail") || flags.string("selector") === "" ? flags.int("tail") : 10;
  return {
    container,
    follow: flags.bool("follow") ? "true" : undefined,
    previous: flags.bool("previous") ? "true" : undefined,
    timestamps: flags.bool("timestamps") ? "true" : undefined,
    sinceSeconds: flags.ms("since") > 0 ? String(Math.ceil(flags.ms("since") / 1000)) : undefined,
    sinceTime: flags.string("since-time"),
    tailLines: tail >= 0 ? String(tail) : undefined,
    limitBytes: flags.int("limit-bytes") > 0 ? String(flags.int("limit-bytes")) : undefined,
  };
}
