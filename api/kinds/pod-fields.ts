import type { PodSpec } from "../generated/types.ts";

/**
 * What becomes of a field: somebody acts on it, or nobody does yet and who sets it is warned. The name of another type of the
 * table means that this is decided for its fields one by one.
 */
export type FieldFate = "implemented" | "warned" | TypeName;

type TypeName =
  | "Affinity"
  | "Container"
  | "ContainerPort"
  | "EmptyDirVolumeSource"
  | "EnvVar"
  | "EnvVarSource"
  | "Lifecycle"
  | "PodSecurityContext"
  | "Probe"
  | "ProjectedVolumeSource"
  | "ResourceRequirements"
  | "SeccompProfile"
  | "SecurityContext"
  | "Volume"
  | "VolumeMount"
  | "VolumeProjection";

/** By type and field, complete: a test compares it with the schema. */
export const podFields: Readonly<Record<string, Readonly<Record<string, FieldFate>>>> = {
  PodSpec: {
    activeDeadlineSeconds: "implemented",
    affinity: "Affinity",
    automountServiceAccountToken: "implemented",
    containers: "Container",
    dnsConfig: "implemented",
    dnsPolicy: "implemented",
    enableServiceLinks: "warned",
    ephemeralContainers: "implemented",
    hostAliases: "implemented",
    hostIPC: "implemented",
    hostNetwork: "implemented",
    hostPID: "implemented",
    hostUsers: "warned",
    hostname: "implemented",
    hostnameOverride: "implemented",
    imagePullSecrets: "implemented",
    initContainers: "Container",
    nodeName: "implemented",
    nodeSelector: "implemented",
    os: "implemented",
    overhead: "warned",
    preemptionPolicy: "implemented",
    priority: "implemented",
    priorityClassName: "implemented",
    readinessGates: "implemented",
    resourceClaims: "warned",
    resources: "warned",
    restartPolicy: "implemented",
    runtimeClassName: "warned",
    schedulerName: "implemented",
    schedulingGates: "implemented",
    schedulingGroup: "warned",
    securityContext: "PodSecurityContext",
    serviceAccount: "implemented",
    serviceAccountName: "implemented",
    setHostnameAsFQDN: "implemented",
    shareProcessNamespace: "implemented",
    subdomain: "implemented",
    terminationGracePeriodSeconds: "implemented",
    tolerations: "implemented",
    topologySpreadConstraints: "implemented",
    volumes: "Volume",
  },
  Container: {
    args: "implemented",
    command: "implemented",
    env: "EnvVar",
    envFrom: "implemented",
    image: "implemented",
    imagePullPolicy: "implemented",
    lifecycle: "Lifecycle",
    livenessProbe: "Probe",
    name: "implemented",
    ports: "ContainerPort",
    readinessProbe: "Probe",
    resizePolicy: "warned",
    resources: "ResourceRequirements",
    restartPolicy: "implemented",
    restartPolicyRules: "implemented",
    securityContext: "SecurityContext",
    startupProbe: "Probe",
    stdin: "implemented",
    stdinOnce: "implemented",
    terminationMessagePath: "implemented",
    terminationMessagePolicy: "implemented",
    tty: "implemented",
    volumeDevices: "warned",
    volumeMounts: "VolumeMount",
    workingDir: "implemented",
  },
  Affinity: { nodeAffinity: "implemented", podAffinity: "implemented", podAntiAffinity: "implemented" },
  ContainerPort: {
    containerPort: "implemented",
    hostIP: "warned",
    hostPort: "warned",
    name: "implemented",
    protocol: "implemented",
  },
  EnvVar: { name: "implemented", value: "implemented", valueFrom: "EnvVarSource" },
  EnvVarSource: {
    configMapKeyRef: "implemented",
    fieldRef: "implemented",
    fileKeyRef: "warned",
    resourceFieldRef: "implemented",
    secretKeyRef: "implemented",
  },
  Lifecycle: { postStart: "implemented", preStop: "implemented", stopSignal: "implemented" },
  Probe: {
    exec: "implemented",
    failureThreshold: "implemented",
    grpc: "implemented",
    httpGet: "implemented",
    initialDelaySeconds: "implemented",
    periodSeconds: "implemented",
    successThreshold: "implemented",
    tcpSocket: "implemented",
    terminationGracePeriodSeconds: "implemented",
    timeoutSeconds: "implemented",
  },
  ResourceRequirements: { claims: "warned", limits: "implemented", requests: "implemented" },
  SecurityContext: {
    allowPrivilegeEscalation: "implemented",
    appArmorProfile: "warned",
    capabilities: "implemented",
    privileged: "implemented",
    procMount: "warned",
    readOnlyRootFilesystem: "implemented",
    runAsGroup: "implemented",
    runAsNonRoot: "implemented",
    runAsUser: "implemented",
    seLinuxOptions: "warned",
    seccompProfile: "SeccompProfile",
    windowsOptions: "warned",
  },
  PodSecurityContext: {
    appArmorProfile: "warned",
    fsGroup: "implemented",
    fsGroupChangePolicy: "implemented",
    runAsGroup: "implemented",
    runAsNonRoot: "implemented",
    runAsUser: "implemented",
    seLinuxChangePolicy: "warned",
    seLinuxOptions: "warned",
    seccompProfile: "SeccompProfile",
    supplementalGroups: "implemented",
    supplementalGroupsPolicy: "implemented",
    sysctls: "implemented",
    windowsOptions: "warned",
  },
  SeccompProfile: { localhostProfile: "implemented", type: "implemented" },
  VolumeMount: {
    mountPath: "implemented",
    mountPropagation: "warned",
    name: "implemented",
    readOnly: "implemented",
    recursiveReadOnly: "implemented",
    subPath: "implemented",
    subPathExpr: "implemented",
  },
  Volume: {
    awsElasticBlockStore: "warned",
    azureDisk: "warned",
    azureFile: "warned",
    cephfs: "warned",
    cinder: "warned",
    configMap: "implemented",
    csi: "warned",
    downwardAPI: "implemented",
    emptyDir: "EmptyDirVolumeSource",
    ephemeral: "warned",
    fc: "warned",
    flexVolume: "warned",
    flocker: "warned",
    gcePersistentDisk: "warned",
    gitRepo: "warned",
    glusterfs: "warned",
    hostPath: "implemented",
    image: "warned",
    iscsi: "warned",
    name: "implemented",
    nfs: "warned",
    persistentVolumeClaim: "warned",
    photonPersistentDisk: "warned",
    portworxVolume: "warned",
    projected: "ProjectedVolumeSource",
    quobyte: "warned",
    rbd: "warned",
    scaleIO: "warned",
    secret: "implemented",
    storageos: "warned",
    vsphereVolume: "warned",
  },
  /** The limit holds for `medium: Memory` alone: see `sizeLimitHolds`. */
  EmptyDirVolumeSource: { medium: "implemented", sizeLimit: "warned" },
  ProjectedVolumeSource: { defaultMode: "implemented", sources: "VolumeProjection" },
  VolumeProjection: {
    clusterTrustBundle: "warned",
    configMap: "implemented",
    downwardAPI: "implemented",
    podCertificate: "warned",
    secret: "implemented",
    serviceAccountToken: "implemented",
  },
};

/** Values that are what happens anyway, or that the API server fills in by itself: no reason to warn. */
const asItIs: Readonly<Record<string, readonly unknown[]>> = {
  "PodSpec.enableServiceLinks": [true, false],
  "PodSpec.hostUsers": [true],
  "SecurityContext.procMount": ["Default"],
  "VolumeMount.mountPropagation": ["None"],
};

/** Paths below the spec, e.g. `containers[0].lifecycle.preStop`, of what is set and not acted on. */
export function unimplementedFields(spec: PodSpec): string[] {
  const found: string[] = [];
  collect("PodSpec", spec, "", found);
  // On the node's own network a port of the container is a port of the host, without anybody's doing.
  return spec.hostNetwork === true ? found.filter((path) => !path.endsWith(".hostPort")) : found;
}

/** Looks at every pod that is made, and hardly ever finds anything. */
function collect(type: string, object: object, path: string, found: string[]): void {
  const fates = podFields[type] ?? {};
  for (const field in object) {
    const fate = fates[field];
    if (fate === undefined || fate === "implemented") continue;
    const value = (object as Readonly<Record<string, unknown>>)[field];
    if (isUnset(value)) continue;
    const here = path === "" ? field : `${path}.${field}`;
    if (fate !== "warned") collectEach(fate, value, here, found);
    else if (!sizeLimitHolds(type, field, object) && !holdsAnyway(`${type}.${field}`, value)) found.push(here);
  }
}

function collectEach(type: string, value: unknown, path: string, found: string[]): void {
  if (Array.isArray(value)) value.forEach((item: unknown, index) => collectEach(type, item, `${path}[${index}]`, found));
  else if (typeof value === "object" && value !== null) collect(type, value, path, found);
}

function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  if (typeof value !== "object") return false;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

function holdsAnyway(field: string, value: unknown): boolean {
  const values = asItIs[field];
  return values === undefined ? value === false : values.includes(value);
}

function sizeLimitHolds(type: string, field: string, object: object): boolean {
  return type === "EmptyDirVolumeSource" && field === "sizeLimit" && (object as { medium?: string }).medium === "Memory";
}
