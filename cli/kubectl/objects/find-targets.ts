import type { ServedResource } from "#client/discovery-client";
import { parseTargets } from "../arguments/targets.ts";
import type { Flags } from "../arguments/flags.ts";
import type { CommandContext } from "../command.ts";
import { CliError, throwAll } from "../failures.ts";
import { placeOf, readManifests, type Manifest } from "./manifests.ts";

/** What a command is about: an object by its name, or all of a kind. */
export interface FoundTarget {
  readonly resource: ServedResource;
  readonly namespace: string;
  readonly name?: string;
  /** What the object comes from, when it is named by a file. */
  readonly manifest?: Manifest;
}

export function hasFiles(flags: Flags): boolean {
  return flags.changed("filename") || flags.changed("kustomize");
}

/** Targets of the arguments, or of the files given with -f. @throws CliError */
export async function findTargets(
  context: Pick<CommandContext, "flags" | "session" | "streams" | "signal">,
  words: readonly string[] = (context as CommandContext).arguments,
): Promise<readonly FoundTarget[]> {
  const { flags, session } = context;
  if (hasFiles(flags)) {
    if (words.length > 0) {
      throw new CliError("when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well");
    }
    const { manifests, errors } = await readManifests(context);
    const mapper = await session.mapper();
    const targets = manifests.map((manifest) => {
      const { resource, namespace } = placeOf(manifest, mapper, session);
      const name = manifest.object.metadata.name ?? "";
      return { resource, namespace, name, manifest };
    });
    throwAll(errors);
    return targets;
  }
  const targets = parseTargets(words, await session.mapper());
  return targets.map((target) => ({ ...target, namespace: session.namespace }));
}
