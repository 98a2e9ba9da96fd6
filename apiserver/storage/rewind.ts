import { compareKeys, type OrderedMap } from "./ordered-map.ts";

/** What the current state must be overlaid with to be an older one: `undefined` where the key was not there. */
export type Overlay<V> = Map<string, V | undefined>;

/** Goes on from where the overlay stands: the first change after a revision has what was there at it. */
export function extendOverlay<V>(
  overlay: Overlay<V>,
  changes: Iterable<{ readonly key: string; readonly previous?: V | undefined }>,
): void {
  for (const { key, previous } of changes) if (!overlay.has(key)) overlay.set(key, previous);
}

/** How many keys the older state has below `prefix` and after `after`. */
export function rewoundCount<V>(current: OrderedMap<unknown>, overlay: Overlay<V>, prefix: string, after = ""): number {
  let count = current.count(prefix, after);
  for (const [key, value] of overlay) {
    if (!key.startsWith(prefix) || compareKeys(key, after) <= 0) continue;
    count += Number(value !== undefined) - Number(current.has(key));
  }
  return count;
}

/** The keys of the older state below `prefix` and after `after`, in order, lazily. */
export function* rewoundKeys<V>(
  current: OrderedMap<unknown>,
  overlay: Overlay<V>,
  prefix: string,
  after = "",
): Generator<string> {
  const restored = [...overlay]
    .filter(([key, value]) => value !== undefined && key.startsWith(prefix) && compareKeys(key, after) > 0)
    .map(([key]) => key)
    .sort(compareKeys);
  let next = 0;
  for (const key of current.keys(prefix, after)) {
    if (overlay.has(key)) continue;
    for (; next < restored.length && compareKeys(restored[next] ?? "", key) < 0; next++) yield restored[next] ?? "";
    yield key;
  }
  yield* restored.slice(next);
}
