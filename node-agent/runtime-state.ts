import type { Clock } from "#base/clock";
import type { Container, ContainerRuntime, Sandbox } from "./runtime/runtime.ts";

export interface RuntimeList {
  readonly sandboxes: readonly Sandbox[];
  readonly containers: readonly Container[];
}

/** Lists what really runs; those who ask at the same time share one list that began after they asked. */
export class RuntimeState {
  readonly #runtime: Pick<ContainerRuntime, "list">;
  readonly #clock: Clock;
  #listedAt: number | undefined;
  #next: Promise<RuntimeList> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  constructor({ runtime, clock }: { runtime: Pick<ContainerRuntime, "list">; clock: Clock }) {
    this.#runtime = runtime;
    this.#clock = clock;
  }

  /** When a list was last answered, monotonic; undefined: never yet. */
  get listedAt(): number | undefined {
    return this.#listedAt;
  }

  fresh(): Promise<RuntimeList> {
    this.#next ??= this.#current.then(() => this.#list());
    return this.#next;
  }

  #list(): Promise<RuntimeList> {
    this.#next = undefined;
    const list = this.#runtime.list();
    this.#current = list.then(
      () => (this.#listedAt = this.#clock.monotonic()),
      () => undefined,
    );
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
