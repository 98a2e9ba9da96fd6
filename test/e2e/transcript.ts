import { basename } from "node:path";

/**
 * What somebody types and what they see, as a file: written by hand from what upstream prints, played with real kubectls.
 *
 * ```
 * # Why, and the source of what is expected.
 * $ kubectl get configmap web        a command line for bash; `> ` continues it
 * NAME   DATA   AGE                  standard output
 * web    2      <age>
 * ! Warning: …                       standard error
 * (exit 1)                           unless it is 0
 * {1.30+} $ …                        only with that kubectl: {1.27}, {1.30+}, {-1.30}; before a command it holds for the whole step
 * ```
 *
 * `<age>`, `<uid>` … stand for what differs each time, `<...>` on a line of its own for any lines. Blank lines and the width of
 * columns are not compared: those are kubectl's own.
 */
export interface Step {
  readonly command: string;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly code: number;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The steps for one version of kubectl. @throws Error on a line that belongs to no step */
export function readTranscript(file: string, text: string, version: string): Step[] {
  const steps: (Step & { readonly skipped: boolean })[] = [];
  for (const [index, whole] of text.split("\n").entries()) {
    const guard = /^\{(-?1\.\d+(?:\+|(?:,1\.\d+)*))\} ?/.exec(whole);
    const applies = guard === null || holds(guard[1] ?? "", version);
    const line = guard === null ? whole : whole.slice(guard[0].length);
    const last = steps.at(-1);
    if (line.trim() === "" || line.startsWith("# ")) continue;
    if (line.startsWith("$ ")) {
      steps.push({ command: line.slice(2), stdout: [], stderr: [], code: 0, skipped: !applies });
      continue;
    }
    if (last === undefined) throw new Error(`${basename(file)}:${index + 1}: no command before "${line}"`);
    if (applies) steps[steps.length - 1] = { ...last, ...withLine(last, line) };
  }
  return steps.filter(({ skipped }) => !skipped).map(({ skipped: _, ...step }) => step);
}

function withLine({ command, stdout, stderr }: Step, line: string): Partial<Step> {
  const exit = /^\(exit (\d+)\)$/.exec(line);
  if (exit !== null) return { code: Number(exit[1]) };
  if (line === ">" || line.startsWith("> ")) return { command: `${command}\n${line.slice(2)}` };
  if (line.startsWith("! ")) return { stderr: [...stderr, line.slice(2)] };
  return { stdout: [...stdout, line] };
}

function holds(guard: string, version: string): boolean {
  const minor = (text: string): number => Number(text.replace("1.", ""));
  if (guard.endsWith("+")) return minor(version) >= minor(guard.slice(0, -1));
  if (guard.startsWith("-")) return minor(version) < minor(guard.slice(1));
  return guard.split(",").includes(version);
}

/** What a step should look like in a transcript, and what it does look like: equal when the outcome is as expected. */
export function compare(step: Step, outcome: Outcome): { readonly expected: string; readonly actual: string } {
  const stdout = asExpected(step.stdout, linesOf(outcome.stdout));
  const stderr = asExpected(step.stderr, linesOf(outcome.stderr));
  return {
    expected: written(step.command, step.stdout, step.stderr, step.code),
    actual: written(step.command, stdout, stderr, outcome.code),
  };
}

function written(command: string, stdout: readonly string[], stderr: readonly string[], code: number): string {
  const typed = command.split("\n").map((line, index) => `${index === 0 ? "$" : ">"} ${line}`);
  return [...typed, ...stdout, ...stderr.map((line) => `! ${line}`), ...(code === 0 ? [] : [`(exit ${code})`])].join("\n");
}

const colours = /\u001b\[[\d;]*m/g;

function linesOf(text: string): string[] {
  return text
    .replace(colours, "")
    .split("\n")
    .filter((line) => line.trim() !== "");
}

/** The actual lines, each in the expected words where it fits them, so that a difference shows only what differs. */
function asExpected(expected: readonly string[], actual: readonly string[]): readonly string[] {
  if (fits(expected, actual)) return expected;
  let next = 0;
  return actual.map((line) => {
    const found = expected.findIndex((candidate, index) => index >= next && candidate !== anyLines && lineFits(candidate, line));
    if (found === -1) return columns(line);
    next = found + 1;
    return expected[found] ?? line;
  });
}

const anyLines = "<...>";

function fits(expected: readonly string[], actual: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0;
  if (first === anyLines) return actual.some((_, index) => fits(rest, actual.slice(index))) || rest.length === 0;
  const [line, ...others] = actual;
  return line !== undefined && lineFits(first, line) && fits(rest, others);
}

const placeholders: Readonly<Record<string, string>> = {
  "<age>": "(?:\\d+[dhms]){1,2}",
  "<ago>": "\\S.*",
  "<uid>": "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
  "<time>": "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z",
  "<date>": "\\w{3}, \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d [+-]\\d{4}",
  "<rv>": "\\d+",
  "<n>": "\\d+",
  "<hash>": "[a-z0-9]{5,10}",
  "<ip>": "\\d+\\.\\d+\\.\\d+\\.\\d+",
  "<any>": ".*",
};

function lineFits(expected: string, actual: string): boolean {
  const pattern = columns(expected)
    .split(/(<\w+>)/)
    .map((part) => placeholders[part] ?? part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("");
  return new RegExp(`^${pattern}$`).test(columns(actual));
}

/** Indentation means something, the space between columns does not. */
function columns(line: string): string {
  return line.trimEnd().replace(/(?<=\S)(?: {2,}|\t+)/g, "  ");
}
