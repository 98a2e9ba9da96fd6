import { UsageError } from "../failures.ts";

export interface Flag {
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** `strings` may be given several times, and each may hold several, separated by commas. */
  readonly type: "bool" | "string" | "strings" | "int" | "duration";
  readonly fallback?: string;
  /** What it means without a value. Absent: a value must follow. */
  readonly bare?: string;
  readonly choices?: readonly string[];
  readonly help: string;
}

export interface ParsedArguments {
  readonly arguments: readonly string[];
  readonly flags: Flags;
}

/** Flags by their names. A name that the command does not declare is a mistake in the program. */
export class Flags {
  readonly #declared: ReadonlyMap<string, Flag>;
  readonly #given: ReadonlyMap<string, readonly string[]>;

  constructor(declared: readonly Flag[], given: ReadonlyMap<string, readonly string[]>) {
    this.#declared = new Map(declared.map((flag) => [flag.name, flag]));
    this.#given = given;
  }

  /** Whether the command has such a flag at all. */
  has(name: string): boolean {
    return this.#declared.has(name);
  }

  changed(name: string): boolean {
    return this.#given.has(name);
  }

  string(name: string): string {
    return this.#given.get(name)?.at(-1) ?? this.#flag(name).fallback ?? "";
  }

  bool(name: string): boolean {
    return booleans.get(this.string(name)) ?? false;
  }

  int(name: string): number {
    return Number(this.string(name));
  }

  ms(name: string): number {
    return durationMs(this.string(name)) ?? 0;
  }

  strings(name: string): readonly string[] {
    this.#flag(name);
    return (this.#given.get(name) ?? []).flatMap((value) => value.split(","));
  }

  #flag(name: string): Flag {
    const flag = this.#declared.get(name);
    if (flag === undefined) throw new TypeError(`no flag --${name} is declared`);
    return flag;
  }
}

/** Reads arguments as Go's pflag does: flags and arguments in any order, `--` ends the flags. @throws UsageError */
export function parseArguments(declared: readonly Flag[], argv: readonly string[], command: string): ParsedArguments {
  const given = new Map<string, string[]>();
  const rest: string[] = [];
  const fail = (message: string): UsageError => new UsageError(message, `See 'skiff ${command} --help' for usage.`);
  const take = (flag: Flag, value: string): void => {
    const complaint = complaintAbout(flag, value);
    if (complaint !== undefined) throw fail(complaint);
    given.set(flag.name, [...(given.get(flag.name) ?? []), value]);
  };
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") {
      rest.push(...argv.slice(at + 1));
      break;
    }
    if (word.startsWith("--")) {
      const [, name = "", value] = /^--([^=]*)(?:=([^]*))?$/.exec(word) ?? [];
      if (name === "" || name.startsWith("-")) throw fail(`bad flag syntax: ${word}`);
      const flag = declared.find((candidate) => candidate.name === name);
      if (flag === undefined) throw fail(`unknown flag: --${name}`);
      const bare = bareValue(flag);
      if (value !== undefined || bare !== undefined) take(flag, value ?? bare ?? "");
      else if (++at < argv.length) take(flag, argv[at] ?? "");
      else throw fail(`flag needs an argument: --${name}`);
    } else if (word.startsWith("-") && word !== "-") {
      for (let letters = word.slice(1); letters !== "";) {
        const letter = letters.charAt(0);
        const flag = declared.find((candidate) => candidate.short === letter);
        if (flag === undefined) throw fail(`unknown shorthand flag: '${letter}' in -${letters}`);
        const bare = bareValue(flag);
        if (letters.charAt(1) === "=" && letters.length > 2) {
          take(flag, letters.slice(2));
          break;
        }
        if (bare !== undefined) {
          take(flag, bare);
          letters = letters.slice(1);
          continue;
        }
        if (letters.length > 1) take(flag, letters.slice(1));
        else if (++at < argv.length) take(flag, argv[at] ?? "");
        else throw fail(`flag needs an argument: '${letter}' in -${letters}`);
        break;
      }
    } else rest.push(word);
  }
  return { arguments: rest, flags: new Flags(declared, given) };
}

/** `1h30m`, `20s`, `0.5s`, `0`. @returns undefined for anything else */
export function durationMs(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[-+]/, "");
  if (digits === "0") return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(digits)) return undefined;
  const parts = [...digits.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)];
  return sign * parts.reduce((sum, [, number, unit]) => sum + Number(number) * (unitMs[unit ?? "s"] ?? 0), 0);
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const booleans = new Map<string, boolean>([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false] as const),
]);

function bareValue(flag: Flag): string | undefined {
  return flag.bare ?? (flag.type === "bool" ? "true" : undefined);
}

function complaintAbout(flag: Flag, value: string): string | undefined {
  const about = `invalid argument ${JSON.stringify(value)} for "${flag.short === undefined ? "" : `-${flag.short}, `}--${flag.name}" flag:`;
  switch (flag.type) {
    case "bool":
      return booleans.has(value) ? undefined : `${about} strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
    case "int":
      return /^[-+]?\d+$/.test(value) ? undefined : `${about} strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`;
    case "duration":
      return durationMs(value) === undefined ? `${about} time: invalid duration ${JSON.stringify(value)}` : undefined;
    case "string":
    case "strings":
      return undefined;
  }
}
