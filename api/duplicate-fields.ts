import { pathText } from "./decode.ts";

/**
 * The paths of keys that stand twice in one object of a JSON text, in order. JSON.parse keeps the last and says nothing; strict
 * validation must refuse. The text must be valid JSON.
 */
export function duplicateFields(text: string): string[] {
  const duplicates: string[] = [];
  const path: (string | number)[] = [];
  const keys: (Set<string> | undefined)[] = [];
  let expectKey = false;
  for (let position = 0; position < text.length; position++) {
    switch (text.charCodeAt(position)) {
      case 0x7b: // {
        keys.push(new Set());
        path.push("");
        expectKey = true;
        break;
      case 0x5b: // [
        keys.push(undefined);
        path.push(0);
        expectKey = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        keys.pop();
        path.pop();
        expectKey = false;
        break;
      case 0x2c: {
        // ,
        const last = path.at(-1);
        if (typeof last === "number") path[path.length - 1] = last + 1;
        expectKey = keys.at(-1) !== undefined;
        break;
      }
      case 0x22: {
        // "
        const end = endOfString(text, position);
        if (expectKey) {
          const key = keyIn(text, position, end);
          path[path.length - 1] = key;
          const seen = keys.at(-1);
          if (seen?.has(key) === true) duplicates.push(pathText(path));
          seen?.add(key);
          expectKey = false;
        }
        position = end;
        break;
      }
    }
  }
  return duplicates;
}

function keyIn(text: string, start: number, end: number): string {
  const key = text.slice(start + 1, end);
  return key.includes("\\") ? (JSON.parse(`"${key}"`) as string) : key;
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    if (text.charCodeAt(end - 1) !== 0x5c) return end;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0 || end === -1) return end;
  }
}
