import type { PodInfo } from "./pod-info.ts";

/**
 * Which pods wait for the room that was made for them on a node. They count there when pods of the same or a lower priority look for a
 * place, so that nobody slips in while the victims leave.
 */
export class Nominations {
  readonly #nodes = new Map<string, string>();
  readonly #pods = new Map<string, Map<string, PodInfo>>();

  on(node: string): readonly PodInfo[] {
    return [...(this.#pods.get(node)?.values() ?? [])];
  }

  nodeOf(uid: string): string | undefined {
    return this.#nodes.get(uid);
  }

  /** Takes the place of what was nominated for the pod before. */
  set(pod: PodInfo, node: string): void {
    this.delete(pod.uid);
    this.#nodes.set(pod.uid, node);
    this.#pods.set(node, (this.#pods.get(node) ?? new Map<string, PodInfo>()).set(pod.uid, pod));
  }

  /** @returns whether there was one. */
  delete(uid: string): boolean {
    const node = this.#nodes.get(uid);
    if (node === undefined) return false;
    this.#nodes.delete(uid);
    const pods = this.#pods.get(node);
    pods?.delete(uid);
    if (pods?.size === 0) this.#pods.delete(node);
    return true;
  }
}
