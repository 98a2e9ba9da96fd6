import type { Container, Pod, PodSpec } from "#api/generated/types";
import { milliValue, parseQuantity, value } from "#api/quantity";

/** Thousandths of a CPU; whole units of everything else. */
export type Amounts = ReadonlyMap<string, number>;

type Quantities = Readonly<Record<string, string | number>>;

/** What a pod holds of a node (upstream: resource.PodRequests): the most it needs at any time of its life. */
export function requestsOf({ spec }: Pod): Amounts {
  return podRequests(spec, (container) => amountsOf(container.resources?.requests));
}

/**
 * As `requestsOf`, but a container that asks for nothing counts as a small one: otherwise a thousand of them would seem to fit best
 * wherever the first one went. For scores only.
 */
export function scoredRequestsOf({ spec }: Pod): Amounts {
  return podRequests(spec, (container) => new Map([...defaultsForScore, ...amountsOf(container.resources?.requests)]));
}

export function amountsOf(quantities: Quantities = {}): Amounts {
  return new Map(Object.entries(quantities).map(([name, quantity]) => [name, amountOf(name, quantity)]));
}

export function plus(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, (a, b) => a + b);
}

export function minus(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, (a, b) => a - b);
}

export const nothing: Amounts = new Map();

/** Upstream: schedutil.DefaultMilliCPURequest, DefaultMemoryRequest. */
const defaultsForScore: Amounts = new Map([
  ["cpu", 100],
  ["memory", 200 * 1024 * 1024],
]);

function podRequests(spec: PodSpec | undefined, requests: (container: Container) => Amounts): Amounts {
  const containers = (spec?.containers ?? []).map(requests).reduce(plus, nothing);
  const { sidecars, peak } = initRequests(spec?.initContainers ?? [], requests);
  const needed = combine(plus(containers, sidecars), peak, Math.max);
  const whole = new Map([...needed, ...amountsOf(spec?.resources?.requests)]);
  return plus(whole, amountsOf(spec?.overhead));
}

/** Init containers run one after the other, beside the sidecars that were started before them. */
function initRequests(containers: readonly Container[], requests: (container: Container) => Amounts) {
  let [sidecars, peak] = [nothing, nothing];
  for (const container of containers) {
    const running = plus(sidecars, requests(container));
    peak = combine(peak, running, Math.max);
    if (container.restartPolicy === "Always") sidecars = running;
  }
  return { sidecars, peak };
}

function amountOf(name: string, quantity: string | number): number {
  const parsed = parseQuantity(quantity);
  return name === "cpu" ? milliValue(parsed) : value(parsed);
}

function combine(left: Amounts, right: Amounts, how: (left: number, right: number) => number): Amounts {
  const combined = new Map(left);
  for (const [name, amount] of right) combined.set(name, how(combined.get(name) ?? 0, amount));
  return combined;
}
