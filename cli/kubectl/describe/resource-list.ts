/** Quantities by resource, in the order of their names. */
export function goResourceMap(list: Readonly<Record<string, string | number>> | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(list ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([name, quantity]) => [name, String(quantity)]));
}
