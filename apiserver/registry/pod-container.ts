import type { Pod } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { StatusError } from "#api/status";

/** The container that a request names, or the only one there is. @throws StatusError BadRequest, as upstream words it */
export function containerOf(pod: Stored<Pod & KubeObject>, wanted: string): string {
  const regular = (pod.spec?.containers ?? []).map(({ name }) => name);
  const init = (pod.spec?.initContainers ?? []).map(({ name }) => name);
  const ephemeral = (pod.spec?.ephemeralContainers ?? []).map(({ name }) => name);
  const { name } = pod.metadata;
  if (wanted === "") {
    const [only] = regular;
    if (regular.length === 1 && only !== undefined) return only;
    const initText = init.length === 0 ? "" : ` or one of the init containers: [${init.join(" ")}]`;
    const message = `a container name must be specified for pod ${name}, choose one of: [${regular.join(" ")}]${initText}`;
    throw new StatusError("BadRequest", message);
  }
  if ([...regular, ...init, ...ephemeral].includes(wanted)) return wanted;
  throw new StatusError("BadRequest", `container ${wanted} is not valid for pod ${name}`);
}
