import type { Pod, PodAffinityTerm } from "#api/generated/types";
import { compileLabelSelector, type Labels, type LabelSelector } from "#api/label-selector";

/** Which pods, and how near. */
export interface AffinityTerm {
  readonly topologyKey: string;
  /** `namespaceLabels` are those of the other pod's namespace. */
  matches(other: Pod, namespaceLabels: Labels): boolean;
}

export interface WeightedTerm extends AffinityTerm {
  /** Negative: rather not near them. */
  readonly weight: number;
}

/** What a pod says about others, in a form that is quick to ask. */
export interface AffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  /** Of affinity and anti-affinity together. */
  readonly preferred: readonly WeightedTerm[];
}

const none: AffinityTerms = { required: [], requiredAnti: [], preferred: [] };

export function affinityTermsOf(pod: Pod): AffinityTerms {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return none;
  const all = (terms: readonly PodAffinityTerm[] = []) => terms.map((term) => compileTerm(pod, term));
  const weighted = (group: typeof podAffinity, sign: 1 | -1) =>
    (group?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({
      ...compileTerm(pod, podAffinityTerm),
      weight: sign * weight,
    }));
  return {
    required: all(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAnti: all(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: [...weighted(podAffinity, 1), ...weighted(podAntiAffinity, -1)],
  };
}

export function saysAnything({ required, requiredAnti, preferred }: AffinityTerms): boolean {
  return required.length + requiredAnti.length + preferred.length > 0;
}

/**
 * A term that names no namespaces and selects none means the pod's own. `matchLabelKeys` and `mismatchLabelKeys` are part of the
 * selector since the pod was made.
 */
function compileTerm(pod: Pod, term: PodAffinityTerm): AffinityTerm {
  const { topologyKey, labelSelector, namespaceSelector, namespaces: named = [] } = term;
  const own = named.length === 0 && namespaceSelector === undefined;
  const namespaces = own ? [pod.metadata.namespace] : named;
  const [selected, selectedNamespaces] = [selectorOf(labelSelector), selectorOf(namespaceSelector)];
  return {
    topologyKey,
    matches: ({ metadata }, namespaceLabels) =>
      (namespaces.includes(metadata.namespace ?? "") || selectedNamespaces.matches(namespaceLabels)) &&
      selected.matches(metadata.labels),
  };
}

/** An API server lets no invalid selector in; one that is there all the same selects nothing. */
function selectorOf(spec: PodAffinityTerm["labelSelector"]): LabelSelector {
  try {
    return compileLabelSelector(spec);
  } catch {
    return compileLabelSelector(undefined);
  }
}
