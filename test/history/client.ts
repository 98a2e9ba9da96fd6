import type { Random } from "#base/random";
import type { Action, At, Content, Key, Operation, Outcome, Seen } from "./history.ts";
import { namespaceOf } from "./history.ts";
import type { Recorder } from "./recorder.ts";
import { NoAnswer, type Document, type Way, type WayAnswer, type WayRequest } from "./way.ts";

export interface ClientOptions {
  readonly name: string;
  readonly way: Way;
  readonly recorder: Recorder;
  readonly random: Random;
  /** Versions that any of the clients has been told of, as controllers tell each other in what they write. */
  readonly told: number[];
}

/** Asks for one thing after the other, and writes down what it was told. */
export class Client {
  readonly #name: string;
  readonly #way: Way;
  readonly #recorder: Recorder;
  readonly #random: Random;
  /** Versions to be expected, or long since overtaken. */
  readonly #known = new Map<Key, number>();
  readonly #told: number[];
  #words = 0;

  constructor({ name, way, recorder, random, told }: ClientOptions) {
    this.#name = name;
    this.#way = way;
    this.#recorder = recorder;
    this.#random = random;
    this.#told = told;
  }

  /** Whatever the dice say, to one of the keys. */
  async act(keys: readonly Key[]): Promise<void> {
    const key = this.#pick(keys);
    const known = this.#known.get(key);
    const expected = known === undefined ? {} : { expected: known };
    const roll = this.#random.float();
    if (roll < 0.2) await this.perform({ type: "create", key, base: this.#word() });
    else if (roll < 0.3) await this.perform({ type: "update", key, base: this.#word() });
    else if (roll < 0.45) await this.perform({ type: "update", key, base: this.#word(), ...expected });
    else if (roll < 0.58) await this.perform({ type: "patch", key, mark: this.#word() });
    else if (roll < 0.63) await this.perform({ type: "patch", key, mark: this.#word(), ...expected });
    else if (roll < 0.7) await this.perform({ type: "delete", key });
    else if (roll < 0.74) await this.perform({ type: "delete", key, ...expected });
    else if (roll < 0.86) await this.perform({ type: "get", key, at: "latest" });
    else if (roll < 0.9) await this.perform({ type: "get", key, at: "any" });
    else await this.#readMany(namespaceOf(key));
  }

  /** @returns what was seen, or the version of what was listed. */
  async perform(action: Action): Promise<Operation> {
    const { server } = this.#way;
    const invoked = this.#recorder.tick();
    const outcome = await this.#outcomeOf(action, requestOf(action));
    this.#remember(action, outcome);
    return this.#record(action, outcome, invoked, server);
  }

  /** A list in pages, all of the version of the first. */
  async listInPages(namespace: string | undefined, limit: number): Promise<void> {
    const { server } = this.#way;
    const invoked = this.#recorder.tick();
    const items = new Map<Key, Seen>();
    const scope = namespace === undefined ? {} : { namespace };
    let action: Action = { type: "list", ...scope, at: "latest" };
    let request = requestOf(action, limit);
    for (;;) {
      const outcome = await this.#answerTo(action, request);
      if (!("body" in outcome) || outcome.status !== 200) {
        const failed = "body" in outcome ? refusalOf(action, outcome) : outcome;
        this.#record(action, failed, invoked, server);
        return;
      }
      const page = outcome.body;
      for (const item of page.items ?? []) items.set(keyOf(item), seenOf(item));
      const version = versionOf(page);
      const rest = page.metadata?.continue ?? "";
      // What was asked for is from now on exactly this version.
      const isFirst = action.at === "latest";
      if (rest === "") {
        this.#record(action, { type: "ok", list: { version, items } }, invoked, server);
        return;
      }
      if (isFirst) action = { type: "list", ...scope, at: version };
      request = { method: "GET", path: `${pathOf(action)}?limit=${limit}&continue=${encodeURIComponent(rest)}` };
    }
  }

  async #readMany(namespace: string): Promise<void> {
    const scope = this.#random.float() < 0.5 ? { namespace } : {};
    const roll = this.#random.float();
    if (roll < 0.35) await this.listInPages(scope.namespace, 1 + Math.floor(this.#random.float() * 4));
    else await this.perform({ type: "list", ...scope, at: this.#someVersion(roll) });
  }

  #someVersion(roll: number): At {
    if (roll < 0.55) return "latest";
    if (roll < 0.7 || this.#told.length === 0) return "any";
    if (roll < 0.85) return { notOlderThan: this.#told.at(-1) ?? 0 };
    return this.#pick(this.#told);
  }

  async #outcomeOf(action: Action, request: WayRequest): Promise<Outcome> {
    const answer = await this.#answerTo(action, request);
    if (!("body" in answer)) return answer;
    const { status, body } = answer;
    if (status !== 200 && status !== 201) return refusalOf(action, answer);
    if (action.type === "delete") return { type: "ok" };
    if (action.type !== "list") return { type: "ok", seen: seenOf(body) };
    const items = new Map((body.items ?? []).map((item) => [keyOf(item), seenOf(item)]));
    return { type: "ok", list: { version: versionOf(body), items } };
  }

  async #answerTo(action: Action, request: WayRequest): Promise<WayAnswer | Outcome> {
    try {
      return await this.#way.send(request);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return error.wasSent && isWrite(action) ? { type: "unknown" } : { type: "refused", reason: "Other" };
    }
  }

  #record(action: Action, outcome: Outcome, invoked: number, server: string): Operation {
    const completed = outcome.type === "unknown" ? Infinity : this.#recorder.tick();
    const sameServer = server === this.#way.server ? server : `${server}..${this.#way.server}`;
    return this.#recorder.operation({ client: this.#name, server: sameServer, invoked, completed, action, outcome });
  }

  #remember(action: Action, outcome: Outcome): void {
    if (outcome.type !== "ok") return;
    if (outcome.seen !== undefined) this.#told.push(outcome.seen.version);
    if (outcome.seen !== undefined && action.type !== "list") this.#known.set(action.key, outcome.seen.version);
    if (outcome.list === undefined) return;
    this.#told.push(outcome.list.version);
    for (const [key, { version }] of outcome.list.items) this.#known.set(key, version);
  }

  #word(): string {
    return `${this.#name}-${++this.#words}`;
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.#random.float() * from.length)];
    if (picked === undefined) throw new Error("there is nothing to pick from");
    return picked;
  }
}

export function keyOf({ metadata }: Document): Key {
  return `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
}

export function versionOf({ metadata }: Document): number {
  return Number(metadata?.resourceVersion);
}

export function seenOf(document: Document): Seen {
  const content: Content = { base: document.data?.["base"] ?? "", mark: document.data?.["mark"] ?? "" };
  return { version: versionOf(document), content };
}

function isWrite({ type }: Action): boolean {
  return type !== "get" && type !== "list";
}

function refusalOf(action: Action, { status, body }: WayAnswer): Outcome {
  const isConditional = "expected" in action;
  switch (status) {
    case 404:
      return { type: "refused", reason: "NotFound" };
    case 409:
      if (body.reason === "AlreadyExists") return { type: "refused", reason: "AlreadyExists" };
      return { type: "refused", reason: isConditional ? "Conflict" : "Other" };
    case 410:
      return { type: "refused", reason: "Expired" };
    case 429:
    case 503:
      return { type: "refused", reason: "Other" };
    case 500:
    case 504:
      return isWrite(action) ? { type: "unknown" } : { type: "refused", reason: "Other" };
    default:
      throw new Error(`${JSON.stringify(action)} was answered with ${status}: ${body.message ?? ""}`);
  }
}

export function pathOf(action: Action): string {
  if (action.type === "list")
    return action.namespace === undefined ? "/api/v1/configmaps" : `/api/v1/namespaces/${action.namespace}/configmaps`;
  const [namespace = "", name = ""] = action.key.split("/");
  const all = `/api/v1/namespaces/${namespace}/configmaps`;
  return action.type === "create" ? all : `${all}/${name}`;
}

function requestOf(action: Action, limit?: number): WayRequest {
  const path = pathOf(action);
  const name = action.type === "list" ? "" : (action.key.split("/")[1] ?? "");
  const version = "expected" in action ? { resourceVersion: `${action.expected}` } : {};
  switch (action.type) {
    case "create":
      return { method: "POST", path, body: { metadata: { name }, data: { base: action.base } } };
    case "update":
      return { method: "PUT", path, body: { metadata: { name, ...version }, data: { base: action.base } } };
    case "patch":
      return { method: "PATCH", path, body: { metadata: version, data: { mark: action.mark } } };
    case "delete":
      return { method: "DELETE", path, ...("expected" in action && { body: { preconditions: version } }) };
    case "get":
      return { method: "GET", path: action.at === "any" ? `${path}?resourceVersion=0` : path };
    case "list":
      return { method: "GET", path: `${path}?${listQuery(action.at, limit)}` };
  }
}

function listQuery(at: At, limit: number | undefined): string {
  if (at === "any") return "resourceVersion=0";
  if (at === "latest") return limit === undefined ? "" : `limit=${limit}`;
  if (typeof at === "object") return `resourceVersion=${at.notOlderThan}&resourceVersionMatch=NotOlderThan`;
  return `resourceVersion=${at}&resourceVersionMatch=Exact`;
}
