import { CliError } from "../failures.ts";

export interface Pairs {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/** Takes `KEY=VALUE` and `KEY-` from behind the words that name resources. @throws CliError */
export function parsePairs(words: readonly string[], noun: string): { resources: readonly string[]; pairs: Pairs } {
  const isChange = (word: string): boolean => (word.includes("=") && !word.startsWith("=")) || /^[^=]+-$/.test(word);
  const first = words.findIndex(isChange);
  const resources = first === -1 ? words : words.slice(0, first);
  const changes = first === -1 ? [] : words.slice(first);
  const stray = changes.find((word) => !isChange(word));
  if (stray !== undefined) throw new CliError(`all resources must be specified before ${noun} changes: ${stray}`);
  const set = new Map(
    changes
      .filter((word) => word.includes("="))
      .map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
  );
  const remove = changes.filter((word) => !word.includes("=")).map((word) => word.slice(0, -1));
  const both = remove.find((key) => set.has(key));
  if (both !== undefined) {
    throw new CliError(`can not both modify and remove ${noun === "label" ? "a label" : "an annotation"} in the same command`);
  }
  return { resources, pairs: { set, remove } };
}
