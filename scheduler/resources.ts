import type { Container, Pod } from "#api/generated/types";
import { milliValue, parseQuantity, value } from "#api/quantity";

/** Thousandths of a CPU; whole units of everything else. */
export type Amounts = ReadonlyMap<string, number>;

type Quantities = Readonly<Record<string, string | number>>;

/**
 * What a pod holds of a node (upstream: resource.PodRequests): the most it needs at any time of its life. While a container is resized
 * it holds the larger of what it has and what it wants; what the node refused for good does not count.
 */
export function requestsOf(pod: Pod): Amounts {
  return podRequests(pod, amountsOf);
}

/**
 * As `requestsOf`, but a container that asks for nothing counts as a small one: otherwise a thousand of them would seem to fit best
 * wherever the first one went. For scores only.
 */
export function scoredRequestsOf(pod: Pod): Amounts {
  return podRequests(pod, (requests) => new Map([...defaultsForScore, ...amountsOf(requests)]));
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

function podRequests({ spec, status }: Pod, amounts: (requests: Quantities | undefined) => Amounts): Amounts {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const actual = new Map(statuses.map((each) => [each.name, each]));
  const isRefused =
    status?.conditions?.some(({ type, reason }) => type === "PodResizePending" && reason === "Infeasible") ?? false;
  const requests = ({ name, resources }: Container): Amounts => {
    const held = combine(
      amountsOf(actual.get(name)?.allocatedResources),
      amountsOf(actual.get(name)?.resources?.requests),
      Math.max,
    );
    const wanted = amounts(resources?.requests);
    return held.size === 0 ? wanted : isRefused ? held : combine(wanted, held, Math.max);
  };
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
