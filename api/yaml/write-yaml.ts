import { isPlainText } from "./plain-scalar.ts";

/**
 * Plain data as kubectl prints it with `-o yaml`: keys in natural order, lists not indented below their key, text quoted only
 * where it must be, blocks for text of several lines, lines folded after 80 columns. Written after the rules of libyaml's emitter.
 */
export function writeYaml(value: unknown): string {
  const writer = new Writer();
  writer.node(value, 0, "root");
  return writer.text;
}

const bestWidth = 80;
const longestSimpleKey = 128;

class Writer {
  text = "";
  #column = 0;

  node(value: unknown, indent: number, place: "root" | "value" | "item"): void {
    if (Array.isArray(value) && value.length > 0) this.#list(value as readonly unknown[], indent, place);
    else if (isRecord(value) && Object.keys(value).length > 0) this.#mapping(value, indent, place);
    else {
      if (place !== "root") this.#put(" ");
      this.#scalar(value, indent + 2, true);
      this.#newline();
    }
  }

  #mapping(value: Readonly<Record<string, unknown>>, indent: number, place: "root" | "value" | "item"): void {
    // The first key of a mapping in a list stands right behind the dash.
    let inline = place === "item";
    if (place === "value") this.#newline();
    const keys = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort(naturalOrder);
    for (const key of keys) {
      this.#put(inline ? " " : " ".repeat(indent));
      inline = false;
      const simple = key.length <= longestSimpleKey;
      if (!simple) this.#put("? ");
      this.#scalar(key, indent + 2, !simple);
      if (!simple) {
        this.#newline();
        this.#put(" ".repeat(indent));
      }
      this.#put(":");
      const child = value[key];
      this.node(child, Array.isArray(child) ? indent : isRecord(child) ? indent + 2 : indent, "value");
    }
  }

  #list(items: readonly unknown[], indent: number, place: "root" | "value" | "item"): void {
    let inline = place === "item";
    if (place === "value") this.#newline();
    for (const item of items) {
      this.#put(inline ? " -" : `${" ".repeat(indent)}-`);
      inline = false;
      this.node(item, Array.isArray(item) || isRecord(item) ? indent + 2 : indent, "item");
    }
  }

  #scalar(value: unknown, indent: number, mayBreak: boolean): void {
    if (typeof value === "string") this.#string(value, indent, mayBreak);
    else if (Array.isArray(value)) this.#put("[]");
    else if (isRecord(value)) this.#put("{}");
    else this.#put(typeof value === "number" ? numberText(value) : JSON.stringify(value ?? null));
  }

  #string(value: string, indent: number, mayBreak: boolean): void {
    const allowed = analyze(value);
    if (value.includes("\n")) {
      if (allowed.block && mayBreak) this.#literal(value, indent);
      else this.#doubleQuoted(value, indent, mayBreak);
    } else if (!isPlainText(value)) this.#doubleQuoted(value, indent, mayBreak);
    else if (allowed.plain) this.#folded(value, indent, mayBreak);
    else if (allowed.singleQuoted) {
      this.#put("'");
      this.#folded(value, indent, mayBreak, "'");
      this.#put("'");
    } else this.#doubleQuoted(value, indent, mayBreak);
  }

  #folded(value: string, indent: number, mayBreak: boolean, quote = ""): void {
    let afterSpace = false;
    for (let at = 0; at < value.length; at++) {
      const char = value[at] ?? "";
      const inside = quote === "" || (at > 0 && at < value.length - 1);
      if (char === " " && mayBreak && !afterSpace && this.#column > bestWidth && inside && value[at + 1] !== " ") {
        this.#newline();
        this.#put(" ".repeat(indent));
      } else this.#put(char === quote && quote !== "" ? "''" : char);
      afterSpace = char === " ";
    }
  }

  #doubleQuoted(value: string, indent: number, mayBreak: boolean): void {
    this.#put('"');
    const chars = Array.from(value);
    let afterSpace = false;
    chars.forEach((char, at) => {
      if (!isPrintable(char) || char === "\n" || char === '"' || char === "\\") {
        this.#put(escaped(char));
        afterSpace = false;
      } else if (char === " ") {
        if (mayBreak && !afterSpace && this.#column > bestWidth && at > 0 && at < chars.length - 1) {
          this.#newline();
          this.#put(" ".repeat(indent));
          if (chars[at + 1] === " ") this.#put("\\");
        } else this.#put(char);
        afterSpace = true;
      } else {
        this.#put(char);
        afterSpace = false;
      }
    });
    this.#put('"');
  }

  #literal(value: string, indent: number): void {
    const hint = /^[ \n]/.test(value) ? "2" : "";
    const chomp = !value.endsWith("\n") ? "-" : value === "\n" || value.endsWith("\n\n") ? "+" : "";
    this.#put(`|${hint}${chomp}`);
    const lines = (value.endsWith("\n") ? value.slice(0, -1) : value).split("\n");
    for (const line of lines) {
      this.#newline();
      if (line !== "") this.#put(`${" ".repeat(indent)}${line}`);
    }
  }

  #put(text: string): void {
    this.text += text;
    this.#column += text.length;
  }

  #newline(): void {
    this.text += "\n";
    this.#column = 0;
  }
}

interface Allowed {
  readonly plain: boolean;
  readonly singleQuoted: boolean;
  readonly block: boolean;
}

function analyze(value: string): Allowed {
  const special = Array.from(value).some((char) => char !== "\n" && !isPrintable(char));
  const spaceBeforeBreak = / \n/.test(value);
  const breakBeforeSpace = /\n /.test(value);
  const indicators =
    /^(?:---|\.\.\.)/.test(value) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(value) ||
    /^[?:-](?:[ \t]|$)/.test(value) ||
    /:(?:[ \t]|$)/.test(value) ||
    /[\s]#/.test(value);
  const edges = /^[ \n]|[ \n]$/.test(value);
  return {
    plain: !edges && !indicators && !special && !value.includes("\n"),
    singleQuoted: !special && !spaceBeforeBreak && !breakBeforeSpace,
    block: !special && !spaceBeforeBreak && !value.endsWith(" "),
  };
}

function isPrintable(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  return (
    code === 0x0a ||
    (code >= 0x20 && code <= 0x7e) ||
    (code >= 0xa0 && code <= 0xd7ff && code !== 0x2028 && code !== 0x2029) ||
    (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff) ||
    code >= 0x10000
  );
}

const escapes = new Map([
  ["\0", "\\0"],
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\v", "\\v"],
  ["\f", "\\f"],
  ["\r", "\\r"],
  ["\x1b", "\\e"],
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\x85", "\\N"],
  ["\u2028", "\\L"],
  ["\u2029", "\\P"],
]);

function escaped(char: string): string {
  const known = escapes.get(char);
  if (known !== undefined) return known;
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  return code <= 0xff ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  return String(value);
}

/** Letters after everything else, digits by the number they spell: `a2` before `a10`. */
function naturalOrder(left: string, right: string): number {
  const a = Array.from(left);
  const b = Array.from(right);
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [x = "", y = ""] = [a[at], b[at]];
    if (x === y) continue;
    const letters = [isLetter(x), isLetter(y)];
    if (letters[0] === true && letters[1] === true) return x < y ? -1 : 1;
    if (letters[0] === true || letters[1] === true) return letters[1] === true ? -1 : 1;
    const leading = (x === "0" || y === "0") && followsDigits(a, at) ? "1" : "";
    const [m, n] = [digitsFrom(a, at), digitsFrom(b, at)];
    const difference = Number(leading + m) - Number(leading + n);
    if (difference !== 0) return difference;
    if (m.length !== n.length) return m.length - n.length;
    return x < y ? -1 : 1;
  }
  return a.length - b.length;
}

function isLetter(char: string): boolean {
  return /\p{L}/u.test(char);
}

function followsDigits(chars: readonly string[], at: number): boolean {
  for (let before = at - 1; before >= 0 && /\d/.test(chars[before] ?? ""); before--) if (chars[before] !== "0") return true;
  return false;
}

function digitsFrom(chars: readonly string[], at: number): string {
  return /^\d*/.exec(chars.slice(at).join(""))?.[0] ?? "";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
