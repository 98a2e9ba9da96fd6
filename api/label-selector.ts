import type { LabelSelector as LabelSelectorSpec, LabelSelectorRequirement } from "./generated/types.ts";
import { type Token, tokenize } from "./label-selector-lexer.ts";
import { labelKeyErrors, labelValueErrors } from "./label-validation.ts";

export type Labels = Readonly<Record<string, string>>;

export type LabelOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | ">" | "<";

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** All requirements must hold. */
export interface LabelSelector {
  /** In the order of their keys; absent when nothing at all is selected. */
  readonly requirements: readonly LabelRequirement[] | undefined;
  matches(labels: Labels | undefined): boolean;
}

const selectsNothing: LabelSelector = { requirements: undefined, matches: () => false };

/**
 * `a=b,c!=d,e in (x,y),f notin (z),g,!h,i>1`.
 *
 * @throws Error with upstream's words (apimachinery/pkg/labels).
 */
export function parseLabelSelector(text: string): LabelSelector {
  return selectorOf(new Parser(tokenize(text)).requirements());
}

/**
 * What a `metav1.LabelSelector` says: absent selects nothing, empty selects everything.
 *
 * @throws Error with upstream's words when an operator, key or value is not valid.
 */
export function compileLabelSelector(spec: LabelSelectorSpec | undefined): LabelSelector {
  if (spec === undefined) return selectsNothing;
  const known = compiled.get(spec);
  if (known !== undefined) return known;
  const labels = Object.entries(spec.matchLabels ?? {}).map(([key, value]) => requirement(key, "=", [value]));
  const selector = selectorOf([...labels, ...(spec.matchExpressions ?? []).map(fromExpression)]);
  // What may still change is compiled anew each time.
  if (Object.isFrozen(spec)) compiled.set(spec, selector);
  return selector;
}

const compiled = new WeakMap<LabelSelectorSpec, LabelSelector>();

/** Selects objects that have all of `labels`. */
export function selectorFromLabels(labels: Labels): LabelSelector {
  return selectorOf(Object.entries(labels).map(([key, value]) => ({ key, operator: "=", values: [value] })));
}

/** As upstream writes it in list calls and in `status.selector`: ordered by key, values ordered. */
export function formatLabelSelector(selector: LabelSelector): string {
  return (selector.requirements ?? []).map(formatRequirement).join(",");
}

function selectorOf(unordered: readonly LabelRequirement[]): LabelSelector {
  const requirements = unordered.toSorted((left, right) => compareText(left.key, right.key));
  const tests = requirements.map(compileRequirement);
  return { requirements, matches: (labels = {}) => tests.every((holds) => holds(labels)) };
}

function compileRequirement({ key, operator, values }: LabelRequirement): (labels: Labels) => boolean {
  const [first = ""] = values;
  const has = (labels: Labels) => Object.hasOwn(labels, key);
  switch (operator) {
    case "=":
    case "==":
      return (labels) => has(labels) && labels[key] === first;
    case "!=":
      return (labels) => !has(labels) || labels[key] !== first;
    case "in":
      return (labels) => has(labels) && values.includes(labels[key] ?? "");
    case "notin":
      return (labels) => !has(labels) || !values.includes(labels[key] ?? "");
    case "exists":
      return has;
    case "!":
      return (labels) => !has(labels);
    case ">":
      return (labels) => has(labels) && compareIntegers(labels[key] ?? "", first, (label, bound) => label > bound);
    case "<":
      return (labels) => has(labels) && compareIntegers(labels[key] ?? "", first, (label, bound) => label < bound);
  }
}

function compareIntegers(label: string, bound: string, holds: (label: bigint, bound: bigint) => boolean): boolean {
  return isInteger(label) && isInteger(bound) && holds(BigInt(label.replace("+", "")), BigInt(bound.replace("+", "")));
}

function isInteger(text: string): boolean {
  return /^[-+]?[0-9]{1,19}$/.test(text);
}

function fromExpression({ key, operator, values = [] }: LabelSelectorRequirement): LabelRequirement {
  switch (operator) {
    case "In":
      return requirement(key, "in", values);
    case "NotIn":
      return requirement(key, "notin", values);
    case "Exists":
      return requirement(key, "exists", values);
    case "DoesNotExist":
      return requirement(key, "!", values);
    default:
      throw new Error(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
}

/** @throws Error that names everything that is wrong, as labels.NewRequirement words it. */
function requirement(key: string, operator: LabelOperator, values: readonly string[]): LabelRequirement {
  const errors = [
    ...invalid("key", key, labelKeyErrors(key)),
    ...countErrors(operator, values),
    ...values.flatMap((value, index) => invalid(`values[${index}][${key}]`, value, labelValueErrors(value))),
  ];
  if (errors.length === 1) throw new Error(errors.join());
  if (errors.length > 1) throw new Error(`[${errors.join(", ")}]`);
  return { key, operator, values };
}

function countErrors(operator: LabelOperator, values: readonly string[]): string[] {
  const wrong = (why: string) => [`values: Invalid value: ${JSON.stringify(values)}: ${why}`];
  switch (operator) {
    case "in":
    case "notin":
      return values.length === 0 ? wrong("for 'in', 'notin' operators, values set can't be empty") : [];
    case "exists":
    case "!":
      return values.length === 0 ? [] : wrong("values set must be empty for exists and does not exist");
    case ">":
    case "<":
      return values.flatMap((value, index) => {
        const why = "for 'Gt', 'Lt' operators, the value must be an integer";
        return isInteger(value) ? [] : invalid(`values[${index}]`, value, [why]);
      });
    default:
      return [];
  }
}

function invalid(path: string, value: string, why: readonly string[]): string[] {
  return why.length === 0 ? [] : [`${path}: Invalid value: ${JSON.stringify(value)}: ${why.join("; ")}`];
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${values.toSorted(compareText).join(",")})`;
    default:
      return `${key}${operator}${values.join(",")}`;
  }
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

const binaryOperators: readonly string[] = ["in", "notin", "=", "==", "!=", ">", "<"];

/** Recursive descent over upstream's grammar. `in` and `notin` are operators only where one is expected. */
class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  requirements(): LabelRequirement[] {
    const found: LabelRequirement[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === "end") return found;
      if (!startsRequirement(token)) throw new Error(`found '${token.text}', expected: !, identifier, or 'end of string'`);
      found.push(this.#requirement());
      const next = this.#take();
      if (next.kind === "end") return found;
      if (next.text !== ",") throw new Error(`found '${next.text}', expected: ',' or 'end of string'`);
      const after = this.#peek();
      if (!startsRequirement(after)) throw new Error(`found '${after.text}', expected: identifier after ','`);
    }
  }

  #requirement(): LabelRequirement {
    try {
      return this.#parseRequirement();
    } catch (error) {
      throw new Error(`unable to parse requirement: ${(error as Error).message}`, { cause: error });
    }
  }

  #parseRequirement(): LabelRequirement {
    const negated = this.#peek().text === "!";
    if (negated) this.#take();
    const key = this.#key();
    const next = this.#peek();
    if (next.kind === "end" || next.text === ",") return requirement(key, negated ? "!" : "exists", []);
    if (negated) return requirement(key, "!", []);
    const operator = this.#operator();
    const values = operator === "in" || operator === "notin" ? this.#values() : [this.#value()];
    return requirement(key, operator, values);
  }

  #key(): string {
    const token = this.#take();
    if (token.kind !== "word") throw new Error(`found '${token.text}', expected: identifier`);
    const [error] = invalid("<nil>", token.text, labelKeyErrors(token.text));
    if (error !== undefined) throw new Error(error);
    return token.text;
  }

  #operator(): LabelOperator {
    const { text } = this.#take();
    if (!binaryOperators.includes(text)) throw new Error(`found '${text}', expected: in, notin, =, ==, !=, gt, lt`);
    return text as LabelOperator;
  }

  #value(): string {
    const next = this.#peek();
    if (next.kind === "end" || next.text === ",") return "";
    this.#take();
    if (next.kind !== "word") throw new Error(`found '${next.text}', expected: identifier`);
    return next.text;
  }

  /** `(x,,y)` holds an empty value, and so does `()`. */
  #values(): string[] {
    const open = this.#take();
    if (open.text !== "(") throw new Error(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.kind !== "word" && first.text !== "," && first.text !== ")") {
      throw new Error(`found '${first.text}', expected: ',', ')' or identifier`);
    }
    const values = [this.#listed()];
    for (let token = this.#take(); token.text !== ")"; token = this.#take()) {
      if (token.text !== ",") throw new Error(`found '${token.text}', expected: ',' or ')'`);
      values.push(this.#listed());
    }
    return [...new Set(values)].toSorted(compareText);
  }

  #listed(): string {
    const token = this.#peek();
    if (token.kind === "word") return this.#take().text;
    if (token.text === "," || token.text === ")") return "";
    throw new Error(`found '${token.text}', expected: ',', or identifier`);
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? { kind: "end", text: "" };
  }

  #take(): Token {
    const token = this.#peek();
    this.#position++;
    return token;
  }
}

function startsRequirement(token: Token): boolean {
  return token.kind === "word" || token.text === "!";
}
