import { apiVersionOf, type ResourceType } from "#api/resource-type";
import type { KubeObject, Stored } from "#api/object";
import { alreadyExists, conflict, notFound, StatusError } from "#api/status";
import { deepFreeze } from "#base/deep-freeze";
import type { Answer, Call, RawWatchEvent, Transport } from "./transport.ts";

type AnyObject = Stored<KubeObject> & Record<string, unknown>;

/**
 * Plays an API server for tests of what is below controllers: versions, compare-and-swap, uid preconditions, finalizers and watches, and
 * nothing that a kind defines. `intercept` lets a test make a call fail, before or after it took effect.
 */
export class SmallApi implements Transport {
  readonly calls: Call[] = [];
  intercept: (call: Call) => "fail" | "fail after" | undefined = () => undefined;
  readonly #objects = new Map<string, { resource: string; object: AnyObject }>();
  readonly #log: { resource: string; version: number; event: RawWatchEvent }[] = [];
  #version = 0;
  #wake: () => void = () => undefined;
  #changed = this.#nextChange();
  /** The watches of these resources deliver nothing. */
  readonly #muted = new Set<string>();

  async send(call: Call): Promise<Answer> {
    this.calls.push(call);
    const fault = this.intercept(call);
    if (fault === "fail") throw new StatusError("ServiceUnavailable", "intercepted");
    try {
      const object = deepFreeze(this.#serve(call));
      if (fault === "fail after") throw new StatusError("ServiceUnavailable", "intercepted after it was done");
      return { status: 200, object, warnings: [] };
    } catch (error) {
      if (!(error instanceof StatusError) || fault !== undefined) throw error;
      return { status: error.code, object: error.toStatus() as unknown as KubeObject, warnings: [] };
    }
  }

  async *watch(call: Call & { signal: AbortSignal }): AsyncGenerator<readonly RawWatchEvent[]> {
    let after = Number(call.query?.["resourceVersion"]);
    call.signal.addEventListener("abort", () => this.#announce());
    for (;;) {
      call.signal.throwIfAborted();
      const changed = this.#changed;
      const muted = this.#muted.has(call.type.resource);
      const next = this.#log.filter(({ resource, version }) => resource === call.type.resource && version > after);
      after = muted ? after : this.#version;
      if (next.length > 0 && !muted) yield next.map(({ event }) => event);
      else await changed;
    }
  }

  stream(): never {
    throw new Error("not played");
  }

  mute(resource: string): void {
    this.#muted.add(resource);
  }

  /** Lets muted watches catch up. */
  unmute(): void {
    this.#muted.clear();
    this.#announce();
  }

  #serve(call: Call): KubeObject {
    switch (call.verb) {
      case "get":
        return this.#get(call);
      case "list":
        return this.#list(call);
      case "create":
        return this.#create(call);
      case "update":
        return this.#update(call);
      case "patch":
        return this.#patch(call);
      case "delete":
        return this.#delete(call);
      default:
        throw new StatusError("MethodNotAllowed", `${call.verb} is not played`);
    }
  }

  #get(call: Call): AnyObject {
    const found = this.#objects.get(keyFor(call));
    if (found === undefined) throw notFound(call.type, call.name ?? "");
    return found.object;
  }

  #list({ type, namespace = "" }: Call): KubeObject {
    const ofType = [...this.#objects.values()].filter((entry) => entry.resource === type.resource).map((entry) => entry.object);
    const items = ofType.filter((object) => namespace === "" || object.metadata.namespace === namespace);
    return { metadata: { resourceVersion: `${this.#version}` }, items } as unknown as KubeObject;
  }

  #create(call: Call): AnyObject {
    if (call.subresource === "binding") return this.#bind(call);
    const object = structuredClone(call.body) as AnyObject;
    const version = this.#version + 1;
    const name = object.metadata.name as string | undefined;
    const metadata = {
      ...object.metadata,
      name: name ?? `${object.metadata.generateName ?? ""}${version}`,
      uid: `uid-${version}`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      generation: 1,
    };
    const key = keyFor({ ...call, name: metadata.name });
    if (this.#objects.has(key)) throw alreadyExists(call.type, metadata.name);
    return this.#store("ADDED", call.type, key, { ...object, metadata });
  }

  #bind(call: Call): AnyObject {
    const pod = this.#get(call);
    const spec = pod["spec"] as { nodeName?: string };
    if (spec.nodeName !== undefined) throw conflict(call.type, pod.metadata.name, "pod is already assigned to a node");
    const { target } = call.body as { target: { name: string } };
    return this.#replace(call, pod, { ...pod, spec: { ...spec, nodeName: target.name } });
  }

  #update(call: Call): AnyObject {
    const old = this.#get(call);
    const next = structuredClone(call.body) as AnyObject;
    const given = next.metadata.resourceVersion as string | undefined;
    if (given !== undefined && given !== old.metadata.resourceVersion) {
      throw conflict(
        call.type,
        old.metadata.name,
        "the object has been modified; please apply your changes to the latest version and try again",
      );
    }
    return this.#replace(call, old, call.subresource === "status" ? { ...old, status: next["status"] } : next);
  }

  #patch(call: Call): AnyObject {
    const old = this.#get(call);
    const uid = (call.body as { metadata?: { uid?: string } }).metadata?.uid;
    if (uid !== undefined && uid !== old.metadata.uid) throw conflict(call.type, old.metadata.name, "Precondition failed: UID");
    return this.#replace(call, old, merge(old, call.body) as AnyObject);
  }

  #delete(call: Call): KubeObject {
    const old = this.#get(call);
    const uid = (call.body as { preconditions?: { uid?: string } } | undefined)?.preconditions?.uid;
    if (uid !== undefined && uid !== old.metadata.uid) throw conflict(call.type, old.metadata.name, "Precondition failed: UID");
    const terminating = { ...old, metadata: { ...old.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
    return this.#replace(call, old, terminating);
  }

  #replace(call: Call, old: AnyObject, next: AnyObject): AnyObject {
    const key = keyFor(call);
    const { deletionTimestamp, finalizers = [] } = next.metadata;
    if (deletionTimestamp === undefined || finalizers.length > 0) return this.#store("MODIFIED", call.type, key, next);
    const gone = this.#store("DELETED", call.type, key, old);
    this.#objects.delete(key);
    return gone;
  }

  #store(event: string, type: ResourceType, key: string, next: AnyObject): AnyObject {
    this.#version++;
    const metadata = { ...next.metadata, resourceVersion: `${this.#version}` };
    const object = deepFreeze({ apiVersion: apiVersionOf(type), kind: type.kind, ...next, metadata });
    this.#objects.set(key, { resource: type.resource, object });
    this.#log.push({ resource: type.resource, version: this.#version, event: { type: event, object } });
    this.#announce();
    return object;
  }

  #announce(): void {
    const wake = this.#wake;
    this.#changed = this.#nextChange();
    wake();
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

function keyFor({ type, namespace = "", name = "" }: Pick<Call, "type" | "namespace" | "name">): string {
  return `${type.resource}/${type.namespaced ? namespace : ""}/${name}`;
}

function merge(old: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged = { ...(typeof old === "object" && old !== null ? (old as Record<string, unknown>) : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}
