import { CliError } from "../failures.ts";
import { goJson } from "./go-json.ts";

/** kubectl's JSONPath templates: `{.items[*].metadata.name}`, `{range …}…{end}`, `?(@.x=="y")`, text in between. */
export interface JsonPath {
  print(data: unknown): string;
  /** Everything the paths lead to. */
  values(data: unknown): readonly unknown[];
}

type Step =
  | { readonly type: "field"; readonly name: string }
  | { readonly type: "every" }
  | { readonly type: "deep"; readonly name: string }
  | { readonly type: "slice"; readonly from?: number; readonly to?: number; readonly step: number; readonly single: boolean }
  | { readonly type: "union"; readonly names: readonly string[] }
  | { readonly type: "filter"; readonly left: Operand; readonly operator: string; readonly right: Operand };

type Operand = { readonly path: readonly Step[] } | { readonly value: unknown };

type Node =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "path"; readonly steps: readonly Step[]; readonly fromRoot: boolean }
  | { readonly type: "range"; readonly steps: readonly Step[]; readonly body: readonly Node[] };

/** @throws CliError */
export function parseJsonPath(template: string): JsonPath {
  const nodes = parseTemplate(template);
  return {
    print: (data) => nodes.map((node) => printNode(node, data, data)).join(""),
    values: (data) => nodes.flatMap((node) => (node.type === "path" ? walk([data], node.steps) : [])),
  };
}

/** `metadata.name`, `.metadata.name` and `{.metadata.name}` are the same path. @throws CliError */
export function parseRelaxedPath(text: string): JsonPath {
  const [, inner = ""] = /^\{?\.?([^]*?)\}?$/.exec(text) ?? [];
  return parseJsonPath(inner.startsWith("[") ? `{${inner}}` : `{.${inner}}`);
}

function printNode(node: Node, data: unknown, root: unknown): string {
  switch (node.type) {
    case "text":
      return node.text;
    case "path":
      return walk([node.fromRoot ? root : data], node.steps)
        .map(valueText)
        .join(" ");
    case "range":
      return walk([data], node.steps)
        .map((item) => node.body.map((inner) => printNode(inner, item, root)).join(""))
        .join("");
  }
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : goJson(value);
}

function walk(values: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  return steps.reduce<readonly unknown[]>((found, step) => found.flatMap((value) => follow(value, step)), values);
}

function follow(value: unknown, step: Step): readonly unknown[] {
  switch (step.type) {
    case "field":
      return isRecord(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case "every":
      return Array.isArray(value) ? (value as unknown[]) : isRecord(value) ? Object.values(value) : [];
    case "deep":
      return deep(value, step.name);
    case "union":
      return step.names.flatMap((name) => follow(value, { type: "field", name }));
    case "slice":
      return Array.isArray(value) ? sliced(value as unknown[], step) : [];
    case "filter":
      return Array.isArray(value) ? (value as unknown[]).filter((item) => passes(item, step)) : [];
  }
}

function deep(value: unknown, name: string): readonly unknown[] {
  const children = Array.isArray(value) ? (value as unknown[]) : isRecord(value) ? Object.values(value) : [];
  const own = isRecord(value) && Object.hasOwn(value, name) ? [value[name]] : [];
  return [...own, ...children.flatMap((child) => deep(child, name))];
}

function sliced(list: readonly unknown[], { from, to, step, single }: Extract<Step, { type: "slice" }>): readonly unknown[] {
  const at = (index: number): number => (index < 0 ? list.length + index : index);
  const start = at(from ?? 0);
  if (single) {
    if (start < 0 || start >= list.length) {
      throw new CliError(`array index out of bounds: index ${from ?? 0}, length ${list.length}`);
    }
    return [list[start]];
  }
  return list.slice(Math.max(0, start), to === undefined ? undefined : at(to)).filter((_, index) => index % step === 0);
}

function passes(item: unknown, { left, operator, right }: Extract<Step, { type: "filter" }>): boolean {
  const resolve = (operand: Operand): readonly unknown[] => ("path" in operand ? walk([item], operand.path) : [operand.value]);
  const [found] = resolve(left);
  if (operator === "exists") return found !== undefined;
  if (found === undefined) return false;
  const [expected] = resolve(right);
  switch (operator) {
    case "==":
      return found === expected;
    case "!=":
      return found !== expected;
    default:
      return compare(found, expected, operator);
  }
}

function compare(left: unknown, right: unknown, operator: string): boolean {
  if (typeof left !== typeof right || (typeof left !== "number" && typeof left !== "string")) return false;
  const [a, b] = [left, right as typeof left];
  return operator === "<" ? a < b : operator === "<=" ? a <= b : operator === ">" ? a > b : a >= b;
}

function parseTemplate(template: string): readonly Node[] {
  const tokens = tokensOf(template);
  let at = 0;
  const sequence = (inRange: boolean): readonly Node[] => {
    const nodes: Node[] = [];
    for (let token = tokens[at]; token !== undefined; token = tokens[at]) {
      at++;
      if (token.type === "text") nodes.push({ type: "text", text: token.text });
      else if (token.text === "end") {
        if (!inRange) throw new CliError("error parsing jsonpath: not in range, nothing to end");
        return nodes;
      } else if (/^range\s/.test(token.text)) {
        nodes.push({ type: "range", steps: parsePath(token.text.slice(5).trim()), body: sequence(true) });
      } else nodes.push(...expressionNodes(token.text));
    }
    if (inRange) throw new CliError("error parsing jsonpath: unterminated range");
    return nodes;
  };
  return sequence(false);
}

function expressionNodes(text: string): Node[] {
  const quoted = /^(["'])([^]*)\1$/.exec(text);
  if (quoted !== null) return [{ type: "text", text: unescapeText(quoted[2] ?? "") }];
  return [{ type: "path", steps: parsePath(text), fromRoot: text.startsWith("$") }];
}

/** Text outside braces, and what stands in each pair of them. Braces in quotes do not count. */
function tokensOf(template: string): { type: "text" | "expression"; text: string }[] {
  const tokens: { type: "text" | "expression"; text: string }[] = [];
  for (let at = 0; at < template.length;) {
    if (template[at] !== "{") {
      const end = template.indexOf("{", at) === -1 ? template.length : template.indexOf("{", at);
      tokens.push({ type: "text", text: template.slice(at, end) });
      at = end;
      continue;
    }
    const end = closingBrace(template, at);
    if (end === -1) throw new CliError(`error parsing jsonpath ${template}, unclosed action`);
    tokens.push({ type: "expression", text: template.slice(at + 1, end).trim() });
    at = end + 1;
  }
  return tokens;
}

function closingBrace(text: string, from: number): number {
  let quote = "";
  for (let at = from + 1; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "\\") at++;
    else if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === "}") return at;
  }
  return -1;
}

function parsePath(text: string): readonly Step[] {
  const steps: Step[] = [];
  const fail = (): CliError => new CliError(`error parsing jsonpath {${text}}`);
  let rest = text.replace(/^[$@]/, "");
  while (rest !== "") {
    const match =
      /^\.\.((?:\\.|[^.[\s\\])+)/.exec(rest) ?? /^\.((?:\\.|[^.[\s\\])+)/.exec(rest) ?? /^(\.)$/.exec(rest) ?? undefined;
    if (match !== undefined) {
      const name = (match[1] ?? "").replace(/\\(.)/g, "$1");
      if (match[0] === ".") return steps;
      steps.push(name === "*" ? { type: "every" } : { type: match[0].startsWith("..") ? "deep" : "field", name });
      rest = rest.slice(match[0].length);
    } else if (rest.startsWith("[")) {
      const end = closingBracket(rest);
      if (end === -1) throw fail();
      steps.push(bracketStep(rest.slice(1, end).trim(), fail));
      rest = rest.slice(end + 1);
    } else if (steps.length === 0 && /^[\w-]/.test(rest)) rest = `.${rest}`;
    else throw fail();
  }
  return steps;
}

function closingBracket(text: string): number {
  let depth = 0;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === "[") depth++;
    else if (char === "]" && --depth === 0) return at;
  }
  return -1;
}

function bracketStep(text: string, fail: () => CliError): Step {
  if (text === "*") return { type: "every" };
  const filter = /^\?\(([^]*)\)$/.exec(text);
  if (filter !== null) return filterStep((filter[1] ?? "").trim());
  if (/^-?\d+$/.test(text)) return { type: "slice", from: Number(text), step: 1, single: true };
  const slice = /^(-?\d+)?:(-?\d+)?(?::(\d+))?$/.exec(text);
  if (slice !== null) {
    const [, from, to, step] = slice;
    return {
      type: "slice",
      step: step === undefined ? 1 : Number(step),
      single: false,
      ...(from !== undefined && { from: Number(from) }),
      ...(to !== undefined && { to: Number(to) }),
    };
  }
  const names = text.split(",").map((part) => /^\s*(["'])([^]*)\1\s*$/.exec(part)?.[2]);
  if (names.some((name) => name === undefined)) throw fail();
  return { type: "union", names: names.map((name) => name ?? "") };
}

function filterStep(text: string): Step {
  const match = /^(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)$/.exec(text);
  if (match === null) return { type: "filter", left: operand(text), operator: "exists", right: { value: undefined } };
  const [, left = "", operator = "", right = ""] = match;
  return { type: "filter", left: operand(left), operator, right: operand(right) };
}

function operand(text: string): Operand {
  const given = text.trim();
  if (given.startsWith("@")) return { path: parsePath(given) };
  const quoted = /^(["'])([^]*)\1$/.exec(given);
  if (quoted !== null) return { value: unescapeText(quoted[2] ?? "") };
  if (given === "true" || given === "false") return { value: given === "true" };
  if (given !== "" && !Number.isNaN(Number(given))) return { value: Number(given) };
  throw new CliError(`error parsing jsonpath: unrecognized value ${given}`);
}

function unescapeText(text: string): string {
  const known: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
  return text.replace(/\\(.)/g, (_, char: string) => known[char] ?? char);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
