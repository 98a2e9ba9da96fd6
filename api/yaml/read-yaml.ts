import { FAILSAFE_SCHEMA, load, Type, YAMLException, type Schema } from "js-yaml";
import { tooDeep } from "../nesting.ts";
import { expansionProblem } from "./expansion.ts";
import { plainValue } from "./plain-scalar.ts";

/** Text that is no YAML, and where. */
export class YamlError extends Error {
  override readonly name = "YamlError";
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  readonly reason: string;

  constructor(reason: string, line: number, column: number, options?: ErrorOptions) {
    super(`yaml: line ${line}, column ${column}: ${reason}`, options);
    this.reason = reason;
    this.line = line;
    this.column = column;
  }
}

/**
 * One document as plain data, by the rules every Kubernetes client follows: `yes` and `on` are booleans, 0777 is 511, dates stay
 * text, `<<` merges, and of two equal keys the last counts. @throws YamlError
 */
export function readYaml(text: string, firstLine = 1): unknown {
  try {
    const document = load(text, { schema, json: true }) ?? null;
    const problem = expansionProblem(document);
    if (problem === undefined) return document;
    throw new YamlError(problem, firstLine, 1);
  } catch (error) {
    if (error instanceof RangeError) throw new YamlError(tooDeep, firstLine, 1, { cause: error });
    if (!(error instanceof YAMLException)) throw error;
    const { line = 0, column = 0 } = (error as { mark?: { line: number; column: number } }).mark ?? {};
    throw new YamlError(error.reason, firstLine + line, column + 1, { cause: error });
  }
}

export interface YamlDocument {
  readonly text: string;
  /** Of its first line in the stream, from 1. */
  readonly line: number;
}

/** The documents between lines that begin with `---`; those with nothing but comments are left out. */
export function splitYaml(text: string): YamlDocument[] {
  const documents: YamlDocument[] = [];
  let lines: string[] = [];
  let start = 1;
  const finish = (next: number): void => {
    if (lines.some((line) => !/^\s*(?:#.*)?$/.test(line))) documents.push({ text: lines.join("\n"), line: start });
    lines = [];
    start = next;
  };
  text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .forEach((line, index) => {
      if (/^---(?:\s|$)/.test(line)) {
        finish(index + 1);
        // What follows the marker on its line belongs to the document.
        lines.push(line.replace("---", "   "));
      } else lines.push(line);
    });
  finish(0);
  return documents;
}

const scalar = (tag: string, accepts: (value: unknown) => boolean): Type =>
  new Type(`tag:yaml.org,2002:${tag}`, {
    kind: "scalar",
    resolve: (text: unknown) => accepts(plainValue(typeof text === "string" ? text : "")),
    construct: (text: unknown) => plainValue(typeof text === "string" ? text : ""),
  });

const schema: Schema = FAILSAFE_SCHEMA.extend({
  implicit: [
    scalar("null", (value) => value === null),
    scalar("bool", (value) => typeof value === "boolean"),
    scalar("int", (value) => typeof value === "number" && Number.isInteger(value)),
    scalar("float", (value) => typeof value === "number"),
    new Type("tag:yaml.org,2002:merge", { kind: "scalar", resolve: (text: unknown) => text === "<<" }),
  ],
  explicit: [
    new Type("tag:yaml.org,2002:timestamp", { kind: "scalar", construct: (text: string) => text }),
    new Type("tag:yaml.org,2002:binary", {
      kind: "scalar",
      construct: (text: string) => Buffer.from(text, "base64").toString(),
    }),
  ],
});
