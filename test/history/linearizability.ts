import { contentText, isSelected, type Content, type Key, type Operation, type Seen } from "./history.ts";

/** What one operation of any kind means to one key. */
export interface Step {
  readonly operation: Operation;
  readonly invoked: number;
  readonly completed: number;
  readonly does:
    | { readonly type: "create" | "update"; readonly base: string; readonly expected?: number; readonly result?: Seen }
    | { readonly type: "patch"; readonly mark: string; readonly expected?: number; readonly result?: Seen }
    | { readonly type: "delete"; readonly expected?: number }
    /** `seen` undefined: it was not there. */
    | { readonly type: "read"; readonly seen: Seen | undefined }
    | { readonly type: "isThere" }
    | { readonly type: "isNotAt"; readonly version: number };
}

export interface Unorderable {
  readonly key: Key;
  /** The fewest operations found that cannot be put in one order, in the order of their invocations. */
  readonly steps: readonly Step[];
}

/**
 * Whether what was seen of one key can be explained by operations that each happened at one moment between invocation and answer, or,
 * when the answer is unknown, at any later moment or never. All orders are followed side by side, as far as the answers allow (the
 * search of Wing and Gong, Lowe's variant of it); operations of which the answer is unknown are spent only where they explain something.
 */
export function findUnorderable(key: Key, operations: readonly Operation[]): Unorderable | undefined {
  const steps = stepsOf(key, operations);
  const known = new KnownVersions(operations.flatMap((operation) => shownOf(key, operation)));
  const failing = prefixWithoutOrder(steps, known);
  return failing && { key, steps: smallest(failing, known) };
}

export function describeUnorderable({ key, steps }: Unorderable): string {
  const lines = steps.map(
    ({ operation: { client }, invoked, completed, does }) =>
      `  ${client} [${invoked}, ${completed === Infinity ? "unknown" : completed}] ${describeStep(does)}`,
  );
  return `${key}: no order explains these\n${lines.join("\n")}`;
}

/** What may be there now. */
interface State {
  readonly content: Content | undefined;
  /** Undefined: nobody has seen it. */
  readonly version: number | undefined;
  /** What is written next has a higher one. */
  readonly floor: number;
}

interface Config {
  readonly state: State;
  /** Open ones that have happened, by their index. */
  readonly done: ReadonlySet<number>;
  /** Those of unknown outcome that have happened. */
  readonly spent: ReadonlySet<number>;
}

function stepsOf(key: Key, operations: readonly Operation[]): Step[] {
  const steps: Step[] = [];
  for (const operation of operations) {
    const does = meaning(key, operation);
    if (does === undefined) continue;
    const { invoked, outcome } = operation;
    steps.push({ operation, invoked, completed: outcome.type === "unknown" ? Infinity : operation.completed, does });
  }
  return steps;
}

/** Whatever was shown of the key, however old: which version has which content. */
function shownOf(key: Key, { action, outcome }: Operation): Seen[] {
  if (outcome.type !== "ok") return [];
  const seen = action.type === "list" ? outcome.list?.items.get(key) : action.key === key ? outcome.seen : undefined;
  return seen === undefined ? [] : [seen];
}

/** Undefined: nothing to this key. */
function meaning(key: Key, { action, outcome }: Operation): Step["does"] | undefined {
  if (action.type === "list") {
    if (action.at !== "latest" || outcome.type !== "ok" || !isSelected(key, action.namespace)) return undefined;
    return { type: "read", seen: outcome.list?.items.get(key) };
  }
  if (action.key !== key) return undefined;
  if (outcome.type === "refused") return meaningOfRefusal(action, outcome.reason);
  if (action.type === "get") {
    if (action.at !== "latest" || outcome.type !== "ok") return undefined;
    return { type: "read", seen: outcome.seen };
  }
  const { expected } = action;
  const condition = expected === undefined ? {} : { expected };
  const result = outcome.type === "ok" && outcome.seen !== undefined ? { result: outcome.seen } : {};
  if (action.type === "delete") return { type: "delete", ...condition };
  if (action.type === "patch") return { type: "patch", mark: action.mark, ...condition, ...result };
  return { type: action.type, base: action.base, ...condition, ...result };
}

function meaningOfRefusal(action: Exclude<Operation["action"], { type: "list" }>, reason: string): Step["does"] | undefined {
  if (action.type === "get" && action.at !== "latest") return undefined;
  if (reason === "NotFound") return { type: "read", seen: undefined };
  if (reason === "AlreadyExists") return { type: "isThere" };
  if (reason === "Conflict" && action.type !== "get" && action.expected !== undefined)
    return { type: "isNotAt", version: action.expected };
  return undefined;
}

/** The steps up to the answer at which no order is left, or undefined when there is one for all. */
function prefixWithoutOrder(steps: readonly Step[], known: KnownVersions): Step[] | undefined {
  const moments = steps
    .flatMap((step, index) => [
      { tick: step.invoked, index, isAnswer: false },
      ...(step.completed === Infinity ? [] : [{ tick: step.completed, index, isAnswer: true }]),
    ])
    .sort((left, right) => left.tick - right.tick);
  const search = new Search(steps, known);
  for (const { index, isAnswer, tick } of moments) {
    if (!isAnswer) search.invoke(index);
    else if (!search.answer(index)) return steps.filter(({ invoked }) => invoked <= tick).map((step) => upTo(step, tick));
  }
  return undefined;
}

/** What was answered later was not known then. */
function upTo(step: Step, tick: number): Step {
  return step.completed <= tick || !isWrite(step) ? step : { ...step, completed: Infinity };
}

class Search {
  readonly #steps: readonly Step[];
  readonly #known: KnownVersions;
  readonly #open = new Set<number>();
  /** Of unknown outcome, in the order of their invocations. */
  readonly #optional: number[] = [];
  #configs: readonly Config[] = [
    { state: { content: undefined, version: undefined, floor: 0 }, done: new Set(), spent: new Set() },
  ];

  constructor(steps: readonly Step[], known: KnownVersions) {
    this.#steps = steps;
    this.#known = known;
  }

  invoke(index: number): void {
    const step = this.#steps[index];
    if (step === undefined) return;
    if (step.completed === Infinity) {
      if (isWrite(step)) this.#optional.push(index);
      return;
    }
    this.#open.add(index);
    if (!isWrite(step)) this.#configs = this.#configs.map((config) => this.#withReads(config));
  }

  /** @returns whether an order is left. */
  answer(index: number): boolean {
    const found = new Frontier();
    const waiting = new Frontier();
    const queue: Config[] = [];
    const reach = (config: Config): void => {
      if (config.done.has(index)) found.add(without(config, index));
      else if (waiting.add(config)) queue.push(config);
    };
    for (const config of this.#configs) reach(config);
    for (let config = queue.shift(); config !== undefined; config = queue.shift())
      for (const next of this.#nexts(config)) reach(next);
    this.#open.delete(index);
    this.#configs = found.all();
    return this.#configs.length > 0;
  }

  *#nexts(config: Config): Generator<Config> {
    for (const index of this.#open) {
      if (config.done.has(index)) continue;
      const state = this.#apply(config.state, index);
      if (state !== undefined) yield this.#withReads({ ...config, state, done: new Set(config.done).add(index) });
    }
    const tried = new Set<string>();
    for (const index of this.#optional) {
      const step = this.#steps[index];
      if (step === undefined || config.spent.has(index)) continue;
      const alike = this.#known.likeness(step);
      // Of those that nobody has seen the effect of, one is as good as the other.
      if (alike !== undefined && tried.has(alike)) continue;
      if (alike !== undefined) tried.add(alike);
      const state = this.#apply(config.state, index);
      if (state !== undefined) yield this.#withReads({ ...config, state, spent: new Set(config.spent).add(index) });
    }
  }

  /** A read changes nothing: as soon as it fits it may as well have happened. */
  #withReads(config: Config): Config {
    let { done } = config;
    for (const index of this.#open) {
      const step = this.#steps[index];
      if (step === undefined || isWrite(step) || done.has(index) || !fits(step, config.state)) continue;
      done = new Set(done).add(index);
    }
    return done === config.done ? config : { ...config, done };
  }

  #apply(state: State, index: number): State | undefined {
    const step = this.#steps[index];
    return step === undefined ? undefined : applied(step, state, this.#known);
  }
}

function without(config: Config, index: number): Config {
  const done = new Set(config.done);
  done.delete(index);
  return { ...config, done };
}

/** Who has come to the same state with fewer of the unknown ones can do whatever the others can. */
class Frontier {
  readonly #configs = new Map<string, Config[]>();

  /** @returns false when there is as good a one already. */
  add(config: Config): boolean {
    const { state, done } = config;
    const id = `${stateText(state)}|${[...done].sort((left, right) => left - right).join()}`;
    const others = this.#configs.get(id) ?? [];
    if (others.some(({ spent }) => isSubset(spent, config.spent))) return false;
    this.#configs.set(id, [...others.filter(({ spent }) => !isSubset(config.spent, spent)), config]);
    return true;
  }

  all(): Config[] {
    return [...this.#configs.values()].flat();
  }
}

function isSubset(small: ReadonlySet<number>, large: ReadonlySet<number>): boolean {
  if (small.size > large.size) return false;
  for (const each of small) if (!large.has(each)) return false;
  return true;
}

function stateText({ content, version, floor }: State): string {
  return `${content === undefined ? "" : contentText(content)}@${version ?? "?"}>${floor}`;
}

/** Which version has which content, as far as anybody was told. */
class KnownVersions {
  readonly #versions = new Map<string, number>();
  readonly #words = new Set<string>();

  constructor(shown: readonly Seen[]) {
    for (const { content, version } of shown) {
      this.#versions.set(contentText(content), version);
      this.#words.add(content.base).add(content.mark);
    }
  }

  of(content: Content): number | undefined {
    return this.#versions.get(contentText(content));
  }

  /** What nobody has ever seen is all the same. */
  word(text: string): string {
    return this.#words.has(text) ? text : unseen;
  }

  /** The same for operations that do the same as far as anybody could tell; undefined for one that is like no other. */
  likeness({ does }: Step): string | undefined {
    if (does.type === "delete") return `delete ${does.expected ?? ""}`;
    if (does.type === "patch") return this.#words.has(does.mark) ? undefined : `patch ${does.expected ?? ""}`;
    if (does.type === "create" || does.type === "update")
      return this.#words.has(does.base) ? undefined : `${does.type} ${does.expected ?? ""}`;
    return undefined;
  }
}

const unseen = "?";

function isWrite({ does: { type } }: Step): boolean {
  return type === "create" || type === "update" || type === "patch" || type === "delete";
}

function fits({ does }: Step, { content, version }: State): boolean {
  switch (does.type) {
    case "read":
      if (does.seen === undefined || content === undefined) return does.seen === undefined && content === undefined;
      return contentText(does.seen.content) === contentText(content) && does.seen.version === version;
    case "isThere":
      return content !== undefined;
    case "isNotAt":
      return content !== undefined && version !== does.version;
    default:
      return false;
  }
}

/** The state after a write, or undefined when it cannot have happened then. */
function applied({ does }: Step, state: State, known: KnownVersions): State | undefined {
  const { content, version, floor } = state;
  if ("expected" in does && does.expected !== version) return undefined;
  switch (does.type) {
    case "create":
      return content === undefined ? written({ base: known.word(does.base), mark: "" }, does.result, floor, known) : undefined;
    case "update":
      return content === undefined ? undefined : written({ base: known.word(does.base), mark: "" }, does.result, floor, known);
    case "patch":
      return content && written({ base: content.base, mark: known.word(does.mark) }, does.result, floor, known);
    case "delete":
      return content && { content: undefined, version: undefined, floor };
    default:
      return undefined;
  }
}

function written(content: Content, result: Seen | undefined, floor: number, known: KnownVersions): State | undefined {
  if (result !== undefined && contentText(result.content) !== contentText(content)) return undefined;
  const version = result?.version ?? known.of(content);
  if (version !== undefined && version <= floor) return undefined;
  return { content, version, floor: version ?? floor };
}

/** Leaves out what is not needed to show it: reads one by one; a write must stay, but its answer may be forgotten. */
function smallest(steps: readonly Step[], known: KnownVersions): readonly Step[] {
  let left = steps;
  for (const step of [...steps].reverse()) {
    const fewer = left.filter((each) => each !== step);
    if (!isWrite(step)) {
      if (prefixWithoutOrder(fewer, known) !== undefined) left = fewer;
    } else if (step.completed !== Infinity) {
      const doubtful: Step = { ...step, completed: Infinity };
      const weaker = left.map((each) => (each === step ? doubtful : each));
      if (prefixWithoutOrder(weaker, known) !== undefined) left = weaker;
    }
  }
  // What is certain to have had nothing to do with it, or changed nothing that is looked at, is not part of the story. Of what nobody
  // saw or was answered of, nothing is certain from then on.
  const began = Math.min(...left.filter(({ completed }) => completed !== Infinity).map(({ invoked }) => invoked));
  for (const step of left) {
    if (!isWrite(step) || step.completed !== Infinity) continue;
    const isUncertain = step.operation.outcome.type === "unknown" && known.likeness(step) !== undefined && step.invoked > began;
    const fewer = left.filter((each) => each !== step);
    if (!isUncertain && prefixWithoutOrder(fewer, known) !== undefined && !isNamed(step, fewer)) left = fewer;
  }
  return left;
}

/** Somebody else's answer shows what it wrote, or was given only where that was. */
function isNamed({ does }: Step, others: readonly Step[]): boolean {
  const word = does.type === "patch" ? does.mark : does.type === "create" || does.type === "update" ? does.base : undefined;
  const version = "result" in does ? does.result.version : undefined;
  return others.some(({ does: other }) => {
    const seen = "result" in other ? other.result : "seen" in other ? other.seen : undefined;
    const isShown = word !== undefined && (seen?.content.base === word || seen?.content.mark === word);
    return isShown || (version !== undefined && "expected" in other && other.expected === version);
  });
}

function describeStep(does: Step["does"]): string {
  const condition = "expected" in does ? ` if at ${does.expected}` : "";
  switch (does.type) {
    case "create":
    case "update":
      return `${does.type} ${does.base}${condition}${resultText(does.result)}`;
    case "patch":
      return `patch +${does.mark}${condition}${resultText(does.result)}`;
    case "delete":
      return `delete${condition}`;
    case "read":
      return `read ${does.seen === undefined ? "nothing" : seenText(does.seen)}`;
    case "isThere":
      return "was told that it is there";
    case "isNotAt":
      return `was told that it is there, and not at ${does.version}`;
  }
}

function resultText(result: Seen | undefined): string {
  return result === undefined ? "" : ` -> ${seenText(result)}`;
}

function seenText({ content, version }: Seen): string {
  return `${contentText(content)}@${version}`;
}
