import type { KubeObject } from "#api/object";
import { parseLabelSelector } from "#api/label-selector";

/** Whether an object's labels match the text of a selector. @throws CliError */
export function matchesSelector(object: KubeObject, selector: string): boolean {
  return parseLabelSelector(selector).matches(object.metadata.labels);
}
