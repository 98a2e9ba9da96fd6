import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type Json } from "./merge-patch.ts";

/**
 * A merged list in its order: the items that `order` names as it names them, and between them, as far as that goes, the items that
 * only the server has, each before the first that it was before. What nobody had before comes as early as it can (upstream:
 * strategicpatch's normalizeElementOrder). Without a key the items themselves are compared.
 */
export function orderedItems(
  merged: readonly Json[],
  order: readonly Json[],
  before: readonly Json[],
  key: string | undefined,
): readonly Json[] {
  const idOf = (item: Json | undefined): Json | undefined =>
    key === undefined ? item : isJsonObject(item) ? item[key] : undefined;
  const positionIn = (list: readonly Json[], item: Json | undefined): number =>
    list.findIndex((other) => isDeepStrictEqual(idOf(other), idOf(item)));
  const known = merged
    .filter((item) => positionIn(order, item) !== -1)
    .sort((left, right) => positionIn(order, left) - positionIn(order, right));
  const others = merged
    .filter((item) => positionIn(order, item) === -1)
    .sort((left, right) => positionIn(before, left) - positionIn(before, right));
  const result: Json[] = [];
  let next = 0;
  for (const item of known) {
    const position = positionIn(before, item);
    for (; position !== -1 && next < others.length; next++) {
      const place = positionIn(before, others[next]);
      if (place === -1 || place >= position) break;
      result.push(others[next] ?? null);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}
