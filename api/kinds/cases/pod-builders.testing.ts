import type { Container, Pod, PodSpec } from "../../generated/types.ts";

export const main: Container = { name: "main", image: "nginx" };
export const pod = (spec: Partial<PodSpec>, metadata: Pod["metadata"] = { name: "web" }): Pod => ({
  metadata,
  spec: { containers: [main], ...spec },
});
export const container = (part: Partial<Container>): Pod => pod({ containers: [{ ...main, ...part }] });
export const init = (part: Partial<Container>): Pod => pod({ initContainers: [{ name: "init", image: "busybox", ...part }] });
export const mounted = (part: Partial<NonNullable<Container["volumeMounts"]>[number]>): Pod => ({
  metadata: { name: "web" },
  spec: {
    containers: [{ ...main, volumeMounts: [{ name: "data", mountPath: "/data", ...part }] }],
    volumes: [{ name: "data", emptyDir: {} }],
  },
});
export const volume = (source: object): Pod => pod({ volumes: [{ name: "v", ...source }] });
export const nodeTerm = (term: object): Pod =>
  pod({
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
    },
  });
export const podTerm = (term: object): Pod =>
  pod({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "zone", ...term }] } },
  });
export const spread = (part: object): Pod =>
  pod({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", ...part }],
  });

export const label = (what: string): string =>
  `${what}: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`;
export const qualified =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
export const ip = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
export const http = (part: object): Container["livenessProbe"] => ({ httpGet: { port: 80, ...part } });
export const at = "spec.containers[0]";

export const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
export const onCreate = "spec.ephemeralContainers: Forbidden: cannot be set on create";
export const ephemeral = (part: object): Pod => pod({ ephemeralContainers: [{ name: "e", image: "i", ...part }] });
export const claiming = (...claims: { name: string; request?: string }[]): Pod =>
  pod({ resourceClaims: [{ name: "a", resourceClaimName: "c" }], containers: [{ ...main, resources: { claims } }] });
export const device = (
  part: object,
  source: object = { persistentVolumeClaim: { claimName: "c" } },
  others: readonly { name: string; devicePath: string }[] = [],
  volumeMounts: readonly { name: string; mountPath: string }[] = [],
): Pod =>
  pod({
    volumes: [{ name: "block", ...source }],
    containers: [{ ...main, volumeMounts, volumeDevices: [{ name: "block", devicePath: "/dev/a", ...part }, ...others] }],
  });
export const iscsi = (part: object): Pod =>
  volume({ iscsi: { targetPortal: "1.2.3.4", iqn: "iqn.2015-02.example.com:storage", lun: 0, ...part } });
export const azure = (part: object): Pod => volume({ azureDisk: { diskName: "d", diskURI: "https://a", ...part } });
export const claimAt = "spec.volumes[0].ephemeral.volumeClaimTemplate";
export const claimTemplate = (part: object, metadata: object = {}): { metadata: object; spec: object } => ({
  metadata,
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...part },
});
export const claim = (part: object, metadata?: object): Pod =>
  volume({ ephemeral: { volumeClaimTemplate: claimTemplate(part, metadata) } });
