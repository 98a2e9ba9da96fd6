import type { LabelSelector, PodAffinityTerm, PodSpec } from "../generated/types.ts";

export const selectedBoth = "exists in both matchLabelKeys and labelSelector";

/**
 * Which of the keys that are matched by the pod's own labels the selector asks for besides. When the pod was made its values were
 * added to the selector, so that one expression of a key says nothing yet.
 */
export function selectedTwice(selector: LabelSelector | undefined, keys: readonly string[]): [key: string, index: number][] {
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  return (selector?.matchExpressions ?? []).flatMap(({ key }): [string, number][] => {
    const twice = seen.has(key) && keys.includes(key);
    seen.add(key);
    return twice ? [[key, keys.lastIndexOf(key)]] : [];
  });
}

/**
 * `matchLabelKeys` names labels whose values are the pod's own: they become part of the selectors once, when the pod is made
 * (upstream: mutatePodAffinity and mutateTopologySpreadConstraints in pkg/registry/core/pod/strategy.go).
 */
export function withMatchedLabels(spec: PodSpec, labels: Readonly<Record<string, string>>): PodSpec {
  const { affinity, topologySpreadConstraints: constraints } = spec;
  const terms = (list: readonly PodAffinityTerm[]): PodAffinityTerm[] => list.map((term) => withLabels(term, labels));
  const group = <Group extends NonNullable<typeof affinity>["podAffinity"]>(given: Group): Group =>
    given && {
      ...given,
      ...(given.requiredDuringSchedulingIgnoredDuringExecution && {
        requiredDuringSchedulingIgnoredDuringExecution: terms(given.requiredDuringSchedulingIgnoredDuringExecution),
      }),
      ...(given.preferredDuringSchedulingIgnoredDuringExecution && {
        preferredDuringSchedulingIgnoredDuringExecution: given.preferredDuringSchedulingIgnoredDuringExecution.map((term) => ({
          ...term,
          podAffinityTerm: withLabels(term.podAffinityTerm, labels),
        })),
      }),
    };
  const { podAffinity, podAntiAffinity } = affinity ?? {};
  return {
    ...spec,
    ...(affinity && {
      affinity: {
        ...affinity,
        ...(podAffinity && { podAffinity: group(podAffinity) }),
        ...(podAntiAffinity && { podAntiAffinity: group(podAntiAffinity) }),
      },
    }),
    ...(constraints && { topologySpreadConstraints: constraints.map((constraint) => withLabels(constraint, labels)) }),
  };
}

interface Selecting {
  readonly labelSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
}

function withLabels<Term extends Selecting>(term: Term, labels: Readonly<Record<string, string>>): Term {
  const { labelSelector: selector, matchLabelKeys = [], mismatchLabelKeys = [] } = (term as Term | undefined) ?? ({} as Term);
  const expressions = (keys: readonly string[], operator: string): { key: string; operator: string; values: string[] }[] =>
    keys.flatMap((key) => {
      const value = labels[key];
      return value === undefined ? [] : [{ key, operator, values: [value] }];
    });
  const added = [...expressions(matchLabelKeys, "In"), ...expressions(mismatchLabelKeys, "NotIn")];
  if (selector === undefined || added.length === 0) return term;
  const matchExpressions = [...(selector.matchExpressions ?? []), ...added];
  return { ...term, labelSelector: { ...selector, matchExpressions } };
}
