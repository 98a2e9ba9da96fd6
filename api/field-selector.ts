export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** All requirements must hold. */
export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
}

/**
 * `a=b,c==d,e!=f`. Values write `\`, `,` and `=` as `\\`, `\,` and `\=`.
 *
 * @throws Error with upstream's words (apimachinery/pkg/fields).
 */
export function parseFieldSelector(text: string): FieldSelector {
  const terms = splitTerms(text).filter((term) => term !== "");
  return { requirements: terms.map((term) => parseTerm(term, text)) };
}

/** A field that is not there reads as empty. */
export function matchesFields(selector: FieldSelector, fields: Readonly<Record<string, string>>): boolean {
  return selector.requirements.every(({ field, operator, value }) => ((fields[field] ?? "") === value) === (operator === "="));
}

export function formatFieldSelector(selector: FieldSelector): string {
  return selector.requirements.map(({ field, operator, value }) => `${field}${operator}${escapeFieldValue(value)}`).join(",");
}

/** The one value that `field` must have, if the selector says so. */
export function requiredValue(selector: FieldSelector, field: string): string | undefined {
  return selector.requirements.find((requirement) => requirement.field === field && requirement.operator === "=")?.value;
}

function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, (character) => `\\${character}`);
}

function splitTerms(text: string): string[] {
  return text.match(/(?:\\[^]|[^,\\]|\\$)+/g) ?? [];
}

function parseTerm(term: string, selector: string): FieldRequirement {
  const match = /^((?:\\[^]|[^\\!=]|!(?!=))*)(!=|==|=)([^]*)$/.exec(term);
  if (match === null) throw new Error(`invalid selector: '${selector}'; can't understand '${term}'`);
  const [, field = "", operator, value = ""] = match;
  return { field, operator: operator === "!=" ? "!=" : "=", value: unescapeValue(value) };
}

function unescapeValue(value: string): string {
  const pieces = value.match(/\\[^]|[^]/g) ?? [];
  return pieces
    .map((piece) => {
      if (piece === "\\") throw new Error(`invalid field selector: invalid escape sequence: ${piece}`);
      if (!piece.startsWith("\\")) return rejectBare(piece);
      if (!/[\\,=]/.test(piece.charAt(1))) throw new Error(`invalid field selector: invalid escape sequence: ${piece}`);
      return piece.charAt(1);
    })
    .join("");
}

function rejectBare(piece: string): string {
  // Upstream prints the code of the character.
  if (piece === "=") throw new Error(`invalid field selector: unescaped character in value: ${piece.charCodeAt(0)}`);
  return piece;
}
