import { controllerOf, type KubeObject, type Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import { Informer, type InformerOptions } from "#client/informer";

/** Objects by the uid of the owner that controls them; those without one under the empty string. */
export const controllerIndex = "controller";
/** Objects by the uid of each of their owners. */
export const ownerIndex = "owner";
/** Each object by its own uid: who it is, wherever it is. */
export const uidIndex = "uid";
/** Pods by the node they are on; those without one under the empty string. */
export const nodeIndex = "node";

/** One informer for each kind, shared by the controllers that need it. */
export class SharedInformers {
  readonly #options: Pick<InformerOptions<KubeObject>, "client" | "clock" | "random" | "log">;
  readonly #informers = new Map<string, Informer<KubeObject>>();

  constructor(options: Pick<InformerOptions<KubeObject>, "client" | "clock" | "random" | "log">) {
    this.#options = options;
  }

  of<T extends KubeObject>(type: ResourceType<T>): Informer<T> {
    const known = this.find(type);
    if (known !== undefined) return known as unknown as Informer<T>;
    const indexes = {
      [uidIndex]: (object: Stored<T>) => [object.metadata.uid],
      [controllerIndex]: (object: Stored<T>) => [controllerOf(object)?.uid ?? ""],
      [ownerIndex]: (object: Stored<T>) => (object.metadata.ownerReferences ?? []).map(({ uid }) => uid),
      [nodeIndex]: (object: Stored<T>) => [(object as { spec?: { nodeName?: string } }).spec?.nodeName ?? ""],
    };
    const informer = new Informer<T>({ ...this.#options, type, indexes });
    this.#informers.set(nameOf(type), informer as unknown as Informer<KubeObject>);
    return informer;
  }

  find(type: ResourceType): Informer<KubeObject> | undefined {
    return this.#informers.get(nameOf(type));
  }

  /** Resolves when all have stopped. Call it after the last `of`. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.run(signal)));
  }

  /** @throws the signal's reason. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.synced(signal)));
  }
}

function nameOf({ group, resource }: ResourceType): string {
  return `${resource}.${group}`;
}
