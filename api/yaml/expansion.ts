import { deepest, tooDeep } from "../nesting.ts";

/** With aliases a few lines stand for any number of values: more than this is an attack, or a mistake. */
const mostValues = 1_000_000;

/**
 * What is wrong with a document once its aliases are followed: it holds itself, is too deep, or too much of it is repetition.
 * Each value is looked at once, however often it is used.
 */
export function expansionProblem(document: unknown): string | undefined {
  const sizes = new Map<object, number>();
  const open = new Set<object>();
  const sizeOf = (value: unknown): number => {
    if (typeof value !== "object" || value === null) return 1;
    const known = sizes.get(value);
    if (known !== undefined) return known;
    if (open.has(value)) throw new Problem("an anchor's value contains itself");
    if (open.size > deepest) throw new Problem(tooDeep);
    open.add(value);
    let size = 1;
    for (const child of Object.values(value)) size += sizeOf(child);
    open.delete(value);
    if (size > mostValues) throw new Problem("document contains excessive aliasing");
    sizes.set(value, size);
    return size;
  };
  try {
    sizeOf(document);
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

class Problem extends Error {}
