import type { KubeObject } from "#api/object";
import { errorFromStatus } from "#api/status";
import type { CommandContext } from "../command.ts";
import type { FoundTarget } from "./find-targets.ts";
import { collectionPath, getObject, listPages, type Selection } from "./requests.ts";

export interface SeenChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** The object, or a table of it, or at first a table or list of all that there is. */
  readonly object: unknown;
}

/** What there is, and then every change, until the server ends the watch or the signal aborts. */
export async function* watchTarget(
  { session, signal }: Pick<CommandContext, "session" | "signal">,
  target: FoundTarget,
  selection: Selection,
  { accept, showsExisting }: { readonly accept: string; readonly showsExisting: boolean },
): AsyncGenerator<SeenChange> {
  const narrowed = target.name === undefined ? selection : { ...selection, fieldSelector: `metadata.name=${target.name}` };
  let from = "0";
  /** The first event of a watch from nowhere shows once more what has been shown. */
  let skips = false;
  if (target.name === undefined) {
    for await (const page of listPages<{ metadata?: { resourceVersion?: string }; items?: readonly KubeObject[] }>(
      session.client,
      narrowed,
      { accept, signal },
    )) {
      from = page.metadata?.resourceVersion ?? "0";
      if (!showsExisting) continue;
      if (page.items === undefined) yield { type: "ADDED", object: page };
      else for (const item of page.items) yield { type: "ADDED", object: typed(item, selection) };
    }
  } else {
    const object = await getObject(session.client, { ...target, name: target.name }, { accept, signal });
    if (showsExisting) yield { type: "ADDED", object };
    skips = true;
  }
  const path = collectionPath(narrowed, { watch: "true", resourceVersion: from });
  for await (const events of session.client.watch({ path, accept, signal })) {
    for (const { type, object } of events) {
      if (type === "ERROR") throw errorFromStatus(object);
      if (skips) {
        skips = false;
        continue;
      }
      if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") yield { type, object };
    }
  }
}

function typed(item: KubeObject, { resource }: Selection): KubeObject {
  const apiVersion = resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
  return { apiVersion, kind: resource.kind, ...item };
}
