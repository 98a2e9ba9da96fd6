import type { Node, Pod } from "#api/generated/types";
import type { Informer } from "#client/informer";
import { isReady } from "../framework/pods.ts";
import { readiness } from "./readiness.ts";

const nobody: ReadonlySet<string> = new Set();

/**
 * Which pods lost their readiness while their node was not ready. A node that is not ready may still have an agent that knows better:
 * it is contradicted once, when the node's state changes, and not for as long as it insists.
 */
export class DoubtedPods {
  readonly #byNode = new Map<string, Set<string>>();

  constructor(nodes: Informer<Node>, pods: Informer<Pod>) {
    nodes.changes.subscribe(({ type, object }) => {
      if (type === "deleted" || readiness(object) === "ready") this.#byNode.delete(object.metadata.name);
    });
    pods.changes.subscribe((change) => {
      const { metadata, spec } = change.object;
      const name = spec?.nodeName ?? "";
      if (change.type === "deleted") this.#byNode.get(name)?.delete(metadata.uid);
      if (change.type !== "updated" || !isReady(change.old) || isReady(change.object)) return;
      const node = nodes.get({ namespace: "", name });
      if (node === undefined || readiness(node) === "ready") return;
      const doubted = this.#byNode.get(name) ?? new Set();
      this.#byNode.set(name, doubted.add(metadata.uid));
    });
  }

  of(node: string): ReadonlySet<string> {
    return this.#byNode.get(node) ?? nobody;
  }
}
