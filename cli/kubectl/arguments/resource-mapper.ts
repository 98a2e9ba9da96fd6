import { apiVersionOf } from "#api/resource-type";
import type { ServedResource } from "#client/discovery-client";
import { CliError } from "../failures.ts";

/** Finds the kind that a person means. */
export class ResourceMapper {
  readonly all: readonly ServedResource[];

  constructor(all: readonly ServedResource[]) {
    this.all = all;
  }

  /** `pods`, `po`, `Pod`, `deployments.apps`, `deployments.v1.apps`. @throws CliError */
  find(text: string): ServedResource {
    const found = this.search(text);
    if (found === undefined) throw new CliError(`the server doesn't have a resource type "${text}"`);
    return found;
  }

  search(text: string): ServedResource | undefined {
    const [name = "", ...rest] = text.toLowerCase().split(".");
    const [version = "", ...group] = rest;
    const named = this.all.filter((resource) => isNamed(resource, name));
    return (
      (group.length > 0
        ? named.find((resource) => resource.version === version && resource.group === group.join("."))
        : undefined) ?? inGroup(named, rest.join("."))
    );
  }

  /** `all` stands for the kinds of that category. A list of types may name several. @throws CliError */
  findAll(list: string): readonly ServedResource[] {
    return list.split(",").flatMap((text) => {
      const category = this.all.filter(({ categories }) => categories.includes(text));
      if (category.length > 0 && this.search(text) === undefined) return category;
      if (text === "") throw new CliError("arguments in resource/name form must have a single resource and name");
      return [this.find(text)];
    });
  }

  byKind(apiVersion: string, kind: string): ServedResource | undefined {
    return this.all.find((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion);
  }
}

function isNamed(resource: ServedResource, name: string): boolean {
  return (
    resource.resource === name ||
    resource.singular === name ||
    resource.kind.toLowerCase() === name ||
    resource.shortNames.includes(name)
  );
}

/** A group may be cut short, but one that is whole goes first. */
function inGroup(resources: readonly ServedResource[], group: string): ServedResource | undefined {
  if (group === "") return resources[0];
  return resources.find((resource) => resource.group === group) ?? resources.find((resource) => resource.group.startsWith(group));
}
