import type { Container, ContainerRuntime, Sandbox } from "./runtime/runtime.ts";

export interface RuntimeList {
  readonly sandboxes: readonly Sandbox[];
  readonly containers: readonly Container[];
}

/** Lists what really runs; those who ask at the same time share one list that began after they asked. */
export class RuntimeState {
  readonly #runtime: ContainerRuntime;
  #next: Promise<RuntimeList> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  constructor(runtime: ContainerRuntime) {
    this.#runtime = runtime;
  }

  fresh(): Promise<RuntimeList> {
    this.#next ??= this.#current.then(() => this.#list());
    return this.#next;
  }

  #list(): Promise<RuntimeList> {
    this.#next = undefined;
    const list = this.#runtime.list();
    this.#current = list.catch(() => undefined);
    return list;
  }
}

/** Changes exactly when something of the pod does. */
export function fingerprints({ sandboxes, containers }: RuntimeList): ReadonlyMap<string, string> {
  const parts = new Map<string, string[]>();
  const add = (uid: string, part: string) => {
    const of = parts.get(uid);
    if (of === undefined) parts.set(uid, [part]);
    else of.push(part);
  };
  for (const { podUid, id, state, ip } of sandboxes) add(podUid, `${id} ${state} ${ip}`);
  for (const { podUid, id, state } of containers) add(podUid, `${id} ${state}`);
  return new Map([...parts].map(([uid, of]) => [uid, of.sort().join("\n")]));
}
