import type { Container, PodSpec, ServiceAccount } from "#api/generated/types";

/**
 * What of a pod names a secret that its account does not list, for accounts that ask for this check by an annotation.
 * @returns why the pod is refused, in upstream's words.
 */
export function forbiddenSecret(spec: PodSpec, account: ServiceAccount): string | undefined {
  const mountable = new Set((account.secrets ?? []).map(({ name }) => name));
  const pullable = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  const because = `is not allowed because service account ${account.metadata.name ?? ""} does not reference that`;
  for (const { secret } of spec.volumes ?? []) {
    if (secret !== undefined && !mountable.has(secret.secretName))
      return `volume with secret.secretName="${secret.secretName ?? ""}" ${because} secret`;
  }
  const kinds = [
    ["init container", spec.initContainers ?? []],
    ["container", spec.containers],
  ] as const;
  for (const [what, containers] of kinds) {
    for (const { name, env = [], envFrom = [] } of containers) {
      for (const variable of env) {
        const secret = variable.valueFrom?.secretKeyRef;
        if (secret !== undefined && !mountable.has(secret.name))
          return `${what} ${name} with envVar ${variable.name} referencing secret.secretName="${secret.name ?? ""}" ${because} secret`;
      }
      for (const { secretRef } of envFrom) {
        if (secretRef !== undefined && !mountable.has(secretRef.name))
          return `${what} ${name} with envFrom referencing secret.secretName="${secretRef.name ?? ""}" ${because} secret`;
      }
    }
  }
  const index = (spec.imagePullSecrets ?? []).findIndex(({ name }) => !pullable.has(name));
  if (index === -1) return undefined;
  return `imagePullSecrets[${index}].name="${spec.imagePullSecrets?.[index]?.name ?? ""}" ${because} imagePullSecret`;
}

/** Whether anything of a pod needs a secret to be read. */
export function namesSecrets(spec: PodSpec): boolean {
  const inContainer = ({ env = [], envFrom = [] }: Container): boolean =>
    env.some(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined) ||
    envFrom.some(({ secretRef }) => secretRef !== undefined);
  const inVolumes = (spec.volumes ?? []).some(
    ({ secret, projected }) => secret !== undefined || (projected?.sources ?? []).some((source) => source.secret !== undefined),
  );
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return inVolumes || containers.some(inContainer) || (spec.imagePullSecrets ?? []).length > 0;
}
