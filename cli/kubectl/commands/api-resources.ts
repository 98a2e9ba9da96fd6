import { apiVersionOf } from "#api/resource-type";
import type { ServedResource } from "#client/discovery-client";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { CliError } from "../failures.ts";
import { TabWriter } from "../output/tab-writer.ts";

export const apiResourcesCommand: ObjectCommand = {
  name: "api-resources",
  summary: "list the kinds that the server has",
  usage: "[flags]",
  examples: [
    ["With their verbs", "api-resources -o wide"],
    ["Those of one group", "api-resources --api-group=apps"],
    ["What can be listed in a namespace", "api-resources --namespaced --verbs=list -o name"],
  ],
  flags: [
    { name: "api-group", type: "string", help: 'Only this group; "" is the core group.' },
    { name: "categories", type: "strings", help: "Only kinds of all these categories." },
    { name: "namespaced", type: "bool", fallback: "true", help: "Only kinds that live in namespaces; =false: only the others." },
    { name: "no-headers", type: "bool", help: "No line with the names of the columns." },
    { name: "output", short: "o", type: "string", help: "wide or name." },
    { name: "sort-by", type: "string", help: "name or kind; by group and name otherwise." },
    { name: "verbs", type: "strings", help: "Only kinds with all these verbs." },
  ],
  run: listResources,
};

async function listResources({ flags, session, streams, arguments: words }: CommandContext): Promise<undefined> {
  if (words.length > 0)
    throw new CliError(`unexpected arguments: [${words.join(" ")}]\nSee 'skiff api-resources -h' for help and examples`);
  const output = flags.string("output");
  if (!["", "wide", "name"].includes(output)) throw new CliError(`--output ${output} is not available`);
  const sortBy = flags.string("sort-by");
  if (!["", "name", "kind"].includes(sortBy)) throw new CliError("--sort-by accepts only name or kind");
  const { all } = await session.mapper();
  const shown = all.filter(
    ({ group, namespaced, verbs, categories }) =>
      (!flags.changed("api-group") || group === flags.string("api-group")) &&
      (!flags.changed("namespaced") || namespaced === flags.bool("namespaced")) &&
      flags.strings("verbs").every((verb) => verbs.includes(verb)) &&
      flags.strings("categories").every((category) => categories.includes(category)),
  );
  const sorted = shown.toSorted((left, right) => compare(orderOf(left, sortBy), orderOf(right, sortBy)));
  const writer = new TabWriter((text) => streams.out(text));
  if (!flags.bool("no-headers") && output !== "name") {
    writer.line([
      "NAME",
      "SHORTNAMES",
      "APIVERSION",
      "NAMESPACED",
      "KIND",
      ...(output === "wide" ? ["VERBS", "CATEGORIES"] : []),
    ]);
  }
  for (const resource of sorted) {
    const { group, shortNames, namespaced, kind, verbs, categories } = resource;
    if (output === "name") writer.line([`${resource.resource}${group === "" ? "" : `.${group}`}`]);
    else {
      writer.line([
        resource.resource,
        shortNames.join(","),
        apiVersionOf(resource),
        String(namespaced),
        kind,
        ...(output === "wide" ? [verbs.join(","), categories.join(",")] : []),
      ]);
    }
  }
  writer.flush();
}

function orderOf({ group, resource, kind }: ServedResource, sortBy: string): readonly string[] {
  return sortBy === "name" ? [resource] : sortBy === "kind" ? [kind] : [group, resource];
}

function compare(left: readonly string[], right: readonly string[]): number {
  const at = left.findIndex((part, index) => part !== right[index]);
  return at === -1 ? 0 : (left[at] ?? "") < (right[at] ?? "") ? -1 : 1;
}
