import type { Container, Node, Pod } from "#api/generated/types";

/** CPU in thousandths, everything else in ones. Knows the few ways of writing that random clusters use. */
export function parse(resource: string, quantity: string | number | undefined): number {
  if (quantity === undefined) return 0;
  const match = /^(\d+)(m|Mi|Gi)?$/.exec(String(quantity));
  if (match === null) throw new Error(`what is ${quantity}?`);
  const number = Number(match[1]);
  if (match[2] === "m") return resource === "cpu" ? number : Math.ceil(number / 1000);
  const ones = number * (match[2] === "Mi" ? 2 ** 20 : match[2] === "Gi" ? 2 ** 30 : 1);
  return resource === "cpu" ? ones * 1000 : ones;
}

export function allocatable(node: Node, resource: string): number {
  return parse(resource, node.status?.allocatable?.[resource]);
}

/** What a container counts as when it does not say. */
const small: Readonly<Record<string, number>> = { cpu: 100, memory: 200 * 2 ** 20 };

/** The most that a pod needs at any time of its life: walks through it, moment by moment. */
export function needs(pod: Pod, resource: string, missingCountsAsSmall = false): number {
  const ask = ({ resources }: Container): number => {
    const said = resources?.requests?.[resource];
    return said === undefined && missingCountsAsSmall ? (small[resource] ?? 0) : parse(resource, said);
  };
  let [sidecars, most] = [0, 0];
  for (const container of pod.spec?.initContainers ?? []) {
    most = Math.max(most, sidecars + ask(container));
    if (container.restartPolicy === "Always") sidecars += ask(container);
  }
  let running = sidecars;
  for (const container of pod.spec?.containers ?? []) running += ask(container);
  return Math.max(most, running) + parse(resource, pod.spec?.overhead?.[resource]);
}

export function resourcesOf(pod: Pod): string[] {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const named = containers.flatMap(({ resources }) => Object.keys(resources?.requests ?? {}));
  return [...new Set([...named, ...Object.keys(pod.spec?.overhead ?? {})])];
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
