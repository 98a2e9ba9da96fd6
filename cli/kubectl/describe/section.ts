import { goResourceMap } from "./resource-list.ts";

/** Text of a description: lines with tabs, two spaces deeper for each level. */
export class Section {
  readonly #lines: string[] = [];

  line(level: number, text: string): this {
    this.#lines.push("  ".repeat(level) + text);
    return this;
  }

  /** `Name:\tvalue`. */
  field(level: number, name: string, value: string | number | boolean): this {
    return this.line(level, `${name}:\t${value}`);
  }

  /** Entries below each other, the first beside the name. */
  map(level: number, name: string, entries: Readonly<Record<string, string>> | undefined, separator = "="): this {
    const shown = Object.entries(entries ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
    if (shown.length === 0) return this.field(level, name, "<none>");
    shown.forEach(([key, value], index) =>
      this.line(index === 0 ? level : 0, `${index === 0 ? `${name}:` : ""}\t${key}${separator}${value}`),
    );
    return this;
  }

  /** Annotations, those of several lines or too long below their key; without what only programs read. */
  annotations(level: number, entries: Readonly<Record<string, string>> | undefined): this {
    const shown = Object.entries(entries ?? {})
      .filter(([key]) => key !== "kubectl.kubernetes.io/last-applied-configuration")
      .sort(([left], [right]) => (left < right ? -1 : 1));
    if (shown.length === 0) return this.field(level, "Annotations", "<none>");
    shown.forEach(([key, value], index) => {
      const head = index === 0 ? "Annotations:" : "";
      const long = key.length + value.length + 2 > longestAnnotation || value.includes("\n");
      if (!long) this.line(index === 0 ? level : 0, `${head}\t${key}: ${value}`);
      else {
        this.line(index === 0 ? level : 0, `${head}\t${key}:`);
        for (const part of value.replace(/\n$/, "").split("\n")) {
          this.line(0, `\t  ${part.length > longestAnnotation - 2 ? `${part.slice(0, longestAnnotation - 2)}...` : part}`);
        }
      }
    });
    return this;
  }

  resources(level: number, name: string, list: Parameters<typeof goResourceMap>[0]): this {
    const entries = Object.entries(goResourceMap(list));
    if (entries.length === 0) return this;
    this.line(level, `${name}:`);
    for (const [key, value] of entries) this.field(level + 1, key, value);
    return this;
  }

  /** Text of another section, below this. */
  add(text: string): this {
    if (text !== "") this.#lines.push(text.replace(/\n$/, ""));
    return this;
  }

  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }
}

const longestAnnotation = 140;
