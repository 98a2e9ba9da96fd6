import { sameJson } from "#base/same-json";
import { createHash } from "node:crypto";
import type { PodTemplateSpec } from "#api/generated/types";

export const hashLabel = "pod-template-hash";

/** As in generated names: no vowels, nothing that looks like something else. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** The same for equal templates, whatever the order of their fields. `collisions` makes another one when a name is taken. */
export function templateHash(template: PodTemplateSpec, collisions: number): string {
  const digest = createHash("sha256").update(canonicalTemplate(template)).update(`#${collisions}`).digest();
  return [...digest.subarray(0, 10)].map((byte) => alphabet.charAt(byte % alphabet.length)).join("");
}

/** Whether two templates make the same pods: the label that tells ReplicaSets apart does not count. */
export function sameTemplate(left: PodTemplateSpec, right: PodTemplateSpec): boolean {
  return sameJson(withoutHash(left), withoutHash(right));
}

function withoutHash({ metadata = {}, ...template }: PodTemplateSpec): object {
  const { labels, annotations, ...rest } = metadata;
  const { [hashLabel]: _hash, ...others } = labels ?? {};
  return {
    ...template,
    metadata: {
      ...rest,
      ...(Object.keys(others).length > 0 && { labels: others }),
      ...(Object.keys(annotations ?? {}).length > 0 && { annotations }),
    },
  };
}

/** A Deployment is looked at many times before its template changes. */
function canonicalTemplate(template: PodTemplateSpec): string {
  const text = canonicals.get(template) ?? canonical(template);
  canonicals.set(template, text);
  return text;
}

const canonicals = new WeakMap<PodTemplateSpec, string>();

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const sorted = fields.toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `{${sorted.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(",")}}`;
}
