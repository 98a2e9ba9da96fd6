export interface Token {
  readonly kind: "end" | "word" | "symbol";
  readonly text: string;
}

const symbols = new Set(["=", "!", "(", ")", ",", ">", "<"]);
const doubleSymbols = new Set(["==", "!="]);
const blanks = new Set([" ", "\t", "\r", "\n"]);

/** The words and symbols of a selector, closed by `end`. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  while (position < text.length) {
    if (blanks.has(text.charAt(position))) {
      position++;
      continue;
    }
    const token = tokenAt(text, position);
    tokens.push(token);
    position += token.text.length;
  }
  return [...tokens, { kind: "end", text: "" }];
}

function tokenAt(text: string, position: number): Token {
  const double = text.slice(position, position + 2);
  if (doubleSymbols.has(double)) return { kind: "symbol", text: double };
  const first = text.charAt(position);
  if (symbols.has(first)) return { kind: "symbol", text: first };
  return { kind: "word", text: wordAt(text, position) };
}

function wordAt(text: string, start: number): string {
  let end = start;
  while (end < text.length && !symbols.has(text.charAt(end)) && !blanks.has(text.charAt(end))) end++;
  return text.slice(start, end);
}
