import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  PodSpec,
  Probe,
  ResourceRequirements,
  Volume,
} from "../generated/types.ts";

/** What upstream fills in (an empty text is an absent one), in a template as in a pod (pkg/apis/core/v1/defaults.go). */
export function defaultPodSpec(spec: PodSpec): PodSpec {
  const serviceAccount = spec.serviceAccountName || spec.serviceAccount;
  return {
    ...spec,
    ...(spec.volumes && { volumes: spec.volumes.map(defaultVolume) }),
    ...(spec.initContainers && {
      initContainers: spec.initContainers.map(defaultContainer),
    }),
    containers: optional(spec.containers)?.map(defaultContainer) ?? [],
    ...(spec.ephemeralContainers && { ephemeralContainers: spec.ephemeralContainers.map(defaultContainer) }),
    restartPolicy: spec.restartPolicy || "Always",
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    dnsPolicy: spec.dnsPolicy || "ClusterFirst",
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount, serviceAccount }),
    securityContext: spec.securityContext ?? {},
    schedulerName: spec.schedulerName || "default-scheduler",
  };
}

/** Beyond what templates get: upstream sets these only on pods themselves. */
export function defaultPodOnly(spec: PodSpec): PodSpec {
  const completed = (container: Container): Container => {
    const resources = limitsAsRequests(container.resources);
    return {
      ...container,
      ...(resources && { resources }),
      ...(spec.hostNetwork === true && container.ports && { ports: container.ports.map(onHost) }),
    };
  };
  return {
    ...spec,
    enableServiceLinks: spec.enableServiceLinks ?? true,
    ...(spec.initContainers && { initContainers: spec.initContainers.map(completed) }),
    containers: spec.containers.map(completed),
  };
}

/** On the host's network a container's port is the host's. */
function onHost(port: ContainerPort): ContainerPort {
  return { ...port, hostPort: port.hostPort || port.containerPort };
}

function limitsAsRequests(resources: ResourceRequirements | undefined): ResourceRequirements | undefined {
  if (resources?.limits === undefined) return resources;
  return { ...resources, requests: { ...resources.limits, ...resources.requests } };
}

function defaultContainer<Any extends Container | EphemeralContainer>(container: Any): Any {
  return {
    ...container,
    ...(container.ports && { ports: container.ports.map((port) => ({ ...port, protocol: port.protocol || "TCP" })) }),
    ...(container.env && { env: container.env.map(defaultEnv) }),
    resources: optional(container.resources) ?? {},
    ...(container.livenessProbe && { livenessProbe: defaultProbe(container.livenessProbe) }),
    ...(container.readinessProbe && { readinessProbe: defaultProbe(container.readinessProbe) }),
    ...(container.startupProbe && { startupProbe: defaultProbe(container.startupProbe) }),
    ...(container.lifecycle && { lifecycle: defaultLifecycle(container.lifecycle) }),
    terminationMessagePath: container.terminationMessagePath || "/dev/termination-log",
    terminationMessagePolicy: container.terminationMessagePolicy || "File",
    imagePullPolicy: container.imagePullPolicy || defaultPullPolicy(container.image ?? ""),
  };
}

/** Always for `:latest` and for no tag at all, which means the same; a digest names content that cannot change. */
function defaultPullPolicy(image: string): "Always" | "IfNotPresent" {
  if (image.includes("@")) return "IfNotPresent";
  const lastSegment = image.slice(image.lastIndexOf("/") + 1);
  const tag = lastSegment.includes(":") ? lastSegment.slice(lastSegment.indexOf(":") + 1) : "latest";
  return tag === "latest" ? "Always" : "IfNotPresent";
}

function defaultEnv(variable: NonNullable<Container["env"]>[number]): NonNullable<Container["env"]>[number] {
  const fieldRef = variable.valueFrom?.fieldRef;
  if (fieldRef === undefined) return variable;
  return {
    ...variable,
    valueFrom: { ...variable.valueFrom, fieldRef: { ...fieldRef, apiVersion: fieldRef.apiVersion || "v1" } },
  };
}

function defaultProbe(probe: Probe): Probe {
  return {
    ...probe,
    ...(probe.httpGet && { httpGet: defaultHttpGet(probe.httpGet) }),
    ...(probe.grpc && { grpc: { ...probe.grpc, service: probe.grpc.service ?? "" } }),
    timeoutSeconds: orDefault(probe.timeoutSeconds, 1),
    periodSeconds: orDefault(probe.periodSeconds, 10),
    successThreshold: orDefault(probe.successThreshold, 1),
    failureThreshold: orDefault(probe.failureThreshold, 3),
  };
}

type HttpGet = NonNullable<Probe["httpGet"]>;

function defaultHttpGet(action: HttpGet): HttpGet {
  return {
    ...action,
    path: action.path === undefined || action.path === "" ? "/" : action.path,
    scheme: action.scheme || "HTTP",
  };
}

function defaultLifecycle(lifecycle: NonNullable<Container["lifecycle"]>): NonNullable<Container["lifecycle"]> {
  const { postStart, preStop } = lifecycle;
  return {
    ...lifecycle,
    ...(postStart?.httpGet && { postStart: { ...postStart, httpGet: defaultHttpGet(postStart.httpGet) } }),
    ...(preStop?.httpGet && { preStop: { ...preStop, httpGet: defaultHttpGet(preStop.httpGet) } }),
  };
}

/** Octal 0644. */
const defaultMode = 420;

const volumeSources = (volume: Volume): string[] => Object.keys(volume).filter((field) => field !== "name");

function defaultVolume(volume: Volume): Volume {
  if (volumeSources(volume).length === 0) return { ...volume, emptyDir: {} };
  const { configMap, secret, downwardAPI, projected, hostPath, image, ephemeral } = volume;
  const template = ephemeral?.volumeClaimTemplate;
  return {
    ...volume,
    ...defaultDriver(volume),
    ...(image && { image: { ...image, pullPolicy: image.pullPolicy || defaultPullPolicy(image.reference ?? "") } }),
    ...(template && {
      ephemeral: {
        ...ephemeral,
        volumeClaimTemplate: { ...template, spec: { ...template.spec, volumeMode: template.spec.volumeMode ?? "Filesystem" } },
      },
    }),
    ...(configMap && { configMap: { ...configMap, defaultMode: configMap.defaultMode ?? defaultMode } }),
    ...(secret && { secret: { ...secret, defaultMode: secret.defaultMode ?? defaultMode } }),
    ...(downwardAPI && { downwardAPI: { ...downwardAPI, defaultMode: downwardAPI.defaultMode ?? defaultMode } }),
    ...(hostPath && { hostPath: { ...hostPath, type: hostPath.type ?? "" } }),
    ...(projected && {
      projected: {
        ...projected,
        defaultMode: projected.defaultMode ?? defaultMode,
        ...(projected.sources && {
          sources: projected.sources.map((source) =>
            source.serviceAccountToken === undefined
              ? source
              : {
                  ...source,
                  serviceAccountToken: {
                    ...source.serviceAccountToken,
                    expirationSeconds: source.serviceAccountToken.expirationSeconds ?? 3600,
                  },
                },
          ),
        }),
      },
    }),
  };
}

/** What drivers take for granted. */
function defaultDriver({ iscsi, rbd, azureDisk, scaleIO }: Volume): Partial<Volume> {
  return {
    ...(iscsi && { iscsi: { ...iscsi, iscsiInterface: iscsi.iscsiInterface || "default" } }),
    ...(rbd && {
      rbd: { ...rbd, pool: rbd.pool || "rbd", user: rbd.user || "admin", keyring: rbd.keyring || "/etc/ceph/keyring" },
    }),
    ...(azureDisk && {
      azureDisk: {
        ...azureDisk,
        cachingMode: azureDisk.cachingMode ?? "ReadWrite",
        kind: azureDisk.kind ?? "Shared",
        fsType: azureDisk.fsType ?? "ext4",
        readOnly: azureDisk.readOnly ?? false,
      },
    }),
    ...(scaleIO && {
      scaleIO: { ...scaleIO, storageMode: scaleIO.storageMode || "ThinProvisioned", fsType: scaleIO.fsType || "xfs" },
    }),
  };
}

function orDefault(value: number | undefined, fallback: number): number {
  return value === undefined || value === 0 ? fallback : value;
}

/** Types say that the schema requires it; what a client sent is not known to have it. */
function optional<T>(value: T): T | undefined {
  return value;
}
