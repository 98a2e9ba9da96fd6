/** Deeper than any object of Kubernetes, and far from what a stack bears. Go's decoder has such a bound too, and these words. */
export const deepest = 1_000;
export const tooDeep = "exceeded max depth";

const quote = 0x22;
const backslash = 0x5c;

/** Whether a JSON text nests deeper than that. Nothing is parsed. */
export function isTooDeep(json: string): boolean {
  // Without that many brackets there is nothing to count.
  if (json.length < 2 * deepest || !mayBeDeep(json)) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === quote) at = stringEnd(json, at);
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > deepest) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}

/** Whether there are enough opening brackets at all, be it in texts: found without looking at each character. */
function mayBeDeep(json: string): boolean {
  let count = 0;
  for (const bracket of ["{", "["]) {
    for (let at = json.indexOf(bracket); at !== -1; at = json.indexOf(bracket, at + 1)) if (++count > deepest) return true;
  }
  return false;
}

function stringEnd(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === backslash) at++;
    else if (code === quote) return at;
  }
  return json.length;
}
