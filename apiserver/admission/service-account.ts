import type { Container, Pod, PodSpec, ServiceAccount, Volume, VolumeMount } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { pods, serviceAccounts } from "#api/resource-type";
import type { Clock } from "#base/clock";
import { nameSuffix, type Random } from "#base/random";
import type { Reader } from "../registry/reader.ts";
import { isSameType, refusal, type AdmissionPlugin, type AdmissionRequest } from "./admission.ts";
import { forbiddenSecret, namesSecrets } from "./mountable-secrets.ts";

const mirrorAnnotation = "kubernetes.io/config.mirror";
const enforceAnnotation = "kubernetes.io/enforce-mountable-secrets";
const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const volumePrefix = "kube-api-access-";
/** An hour, and seven seconds by which the token is told from others that are to live an hour. */
const tokenSeconds = 3607;
/** Octal 0644. */
const fileMode = 420;

/** The account `default` of a new namespace comes from a controller: worth waiting for. */
const attemptsForDefault = 10;
const shortestRetryMs = 100;

type PodRequest = AdmissionRequest & { readonly object: KubeObject };

/**
 * Gives each pod an account, and its containers a token of it with what they need to call the API server (upstream:
 * plugin/pkg/admission/serviceaccount).
 */
export function serviceAccount(reader: Reader, { clock, random }: { clock: Clock; random: Random }): AdmissionPlugin {
  const find = async ({ namespace, signal }: AdmissionRequest, name: string): Promise<Stored<ServiceAccount> | undefined> => {
    const key = { namespace, name };
    const cached = reader.get(serviceAccounts, key);
    if (cached !== undefined) return cached;
    const attempts = name === "default" ? attemptsForDefault : 1;
    const retryMs = shortestRetryMs * (1 + random.float());
    for (let attempt = 1; ; attempt++) {
      const found = reader.get(serviceAccounts, key) ?? (await reader.getLive(serviceAccounts, key));
      if (found !== undefined || attempt === attempts) return found;
      await clock.sleep(retryMs, signal);
    }
  };
  const accountOf = async (request: PodRequest, name: string): Promise<Stored<ServiceAccount>> => {
    const found = await find(request, name);
    if (found !== undefined) return found;
    const why = `error looking up service account ${request.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`;
    throw refusal(request, why);
  };
  return {
    name: "ServiceAccount",
    handles: ({ operation, type, subresource }) => operation === "create" && isSameType(type, pods) && subresource === undefined,
    mutate: async (request) => {
      const pod = request.object as Pod;
      if (pod.spec === undefined || isMirror(pod)) return pod;
      const name = pod.spec.serviceAccountName || "default";
      const account = await accountOf(request, name);
      const spec = { ...pod.spec, serviceAccountName: name, serviceAccount: name };
      const mounts = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
      return { ...pod, spec: withPullSecrets(mounts ? withToken(spec, random) : spec, account) } as KubeObject;
    },
    validate: async (request) => {
      const pod = request.object as Pod;
      const { spec } = pod;
      if (spec === undefined) return;
      if (isMirror(pod)) {
        const problem = mirrorProblem(spec);
        if (problem !== undefined) throw refusal(request, problem);
        return;
      }
      const name = spec.serviceAccountName ?? "";
      if (name === "") throw refusal(request, `no service account specified for pod ${request.namespace}/${request.name}`);
      const account = await accountOf(request as PodRequest, name);
      if (!isTrue(account.metadata.annotations?.[enforceAnnotation])) return;
      const problem = forbiddenSecret(spec, account);
      if (problem !== undefined) throw refusal(request, problem);
    },
  };
}

/** What a kubelet runs from files and only shows here: it knows nothing of accounts, and its spec must stay as it is. */
function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}

function mirrorProblem(spec: PodSpec): string | undefined {
  if ((spec.serviceAccountName ?? "") !== "") return "a mirror pod may not reference service accounts";
  if (namesSecrets(spec)) return "a mirror pod may not reference secrets";
  const sources = (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined))
    return "a mirror pod may not use ServiceAccountToken volume projections";
  return undefined;
}

function withPullSecrets(spec: PodSpec, { imagePullSecrets = [] }: ServiceAccount): PodSpec {
  if ((spec.imagePullSecrets ?? []).length > 0 || imagePullSecrets.length === 0) return spec;
  return { ...spec, imagePullSecrets };
}

/** Containers that mount something of their own there are left alone. */
function withToken(spec: PodSpec, random: Random): PodSpec {
  const known = (spec.volumes ?? []).find(({ name }) => name.startsWith(volumePrefix));
  const name = known?.name ?? `${volumePrefix}${nameSuffix(random)}`;
  const mount: VolumeMount = { name, readOnly: true, mountPath };
  const mounted = (container: Container): Container =>
    hasOwn(container) ? container : { ...container, volumeMounts: [...(container.volumeMounts ?? []), mount] };
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const isNeeded = known === undefined && !containers.every(hasOwn);
  return {
    ...spec,
    ...(spec.initContainers && { initContainers: spec.initContainers.map(mounted) }),
    containers: spec.containers.map(mounted),
    ...(isNeeded && { volumes: [...(spec.volumes ?? []), tokenVolume(name)] }),
  };
}

function hasOwn({ volumeMounts = [] }: Container): boolean {
  return volumeMounts.some((mount) => mount.mountPath === mountPath);
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] } },
      ],
      defaultMode: fileMode,
    },
  };
}

/** As Go's strconv.ParseBool reads it. */
function isTrue(text: string | undefined): boolean {
  return ["1", "t", "T", "TRUE", "true", "True"].includes(text ?? "");
}
