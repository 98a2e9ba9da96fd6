import type { ServedResource } from "#client/discovery-client";
import { CliError } from "../failures.ts";
import type { ResourceMapper } from "./resource-mapper.ts";

/** What a command line asks for: one object, or all of a kind that the selectors let through. */
export interface Target {
  readonly resource: ServedResource;
  /** Absent: a list. */
  readonly name?: string;
}

/** `TYPE[,TYPE]`, `TYPE NAME…`, `TYPE/NAME…`. @throws CliError */
export function parseTargets(words: readonly string[], mapper: ResourceMapper): readonly Target[] {
  if (words.some((word) => word.includes("/"))) return words.map((word) => slashed(word, words, mapper));
  const [types = "", ...names] = words;
  const resources = mapper.findAll(types);
  if (names.length === 0) return resources.map((resource) => ({ resource }));
  return resources.flatMap((resource) => names.map((name) => ({ resource, name })));
}

function slashed(word: string, words: readonly string[], mapper: ResourceMapper): Target {
  const parts = word.split("/");
  const [type = "", name = ""] = parts;
  if (parts.length === 1) {
    if (words[0] === word) {
      throw new CliError(
        "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'skiff get resource/<resource_name>' instead of 'skiff get resource resource/<resource_name>'",
      );
    }
    throw new CliError(`there is no resource type before the name ${JSON.stringify(word)}: write TYPE/NAME`);
  }
  if (parts.length > 2) throw new CliError("arguments in resource/name form may not have more than one slash");
  if (parts.length !== 2 || type === "" || name === "") {
    throw new CliError("arguments in resource/name form must have a single resource and name");
  }
  return { resource: mapper.find(type), name };
}
