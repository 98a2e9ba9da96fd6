import type { Pod } from "../../generated/types.ts";
import { podDefinition } from "../pod.ts";
import { casesOf, type RuleCases, type UpdateCase } from "../rules.testing.ts";
import {
  claim,
  claiming,
  container,
  device,
  init,
  ip,
  main,
  pod,
  podTerm,
  qualified,
  spread,
  subdomain,
} from "./pod-builders.testing.ts";
import { refusedContainers } from "./pod-containers.testing.ts";
import { refusedPodSpecs } from "./pod-spec.testing.ts";
import { refusedVolumes } from "./pod-volumes.testing.ts";

const fixed =
  "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\nchanged: ";

type Row = readonly [what: string, old: Pod, next: Pod, refused: readonly string[], subresource?: string];

const rows = (list: readonly Row[]): UpdateCase[] =>
  list.map(([what, old, next, refused, subresource]) => ({ what, old, next, refused, ...(subresource && { subresource }) }));

const withStatus = (status: object, spec: object = {}): Pod => ({
  ...pod(spec),
  status: { phase: "Running", qosClass: "BestEffort", ...status },
});
const terms = (...nodeSelectorTerms: object[]): object => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const zone = { key: "zone", operator: "In", values: ["a"] };
const gates = { schedulingGates: [{ name: "g" }] };
const termsAt = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
const ended = (field: string, restartPolicy: string, exitCode: number, now: object): readonly [Pod, Pod] => [
  withStatus({ [field]: [{ name: "main", state: { terminated: { exitCode } } }] }, { restartPolicy }),
  withStatus({ [field]: [{ name: "main", state: now }] }, { restartPolicy }),
];
const isOver = (field: string): string => `status.${field}[0].state: Forbidden: may not be transitioned to non-terminated state`;

/** One of each, good in itself. */
const everyVolume = Object.entries({
  emptyDir: { sizeLimit: "1Gi" },
  hostPath: { path: "/a", type: "Directory" },
  gitRepo: { repository: "r", directory: "a/b" },
  gcePersistentDisk: { pdName: "p", partition: 1 },
  awsElasticBlockStore: { volumeID: "v" },
  secret: { secretName: "s", items: [{ key: "k", path: "a/k", mode: 256 }] },
  nfs: { server: "s", path: "/" },
  iscsi: { targetPortal: "p", iqn: "iqn.2015-02.example.com:storage", lun: 0, initiatorName: "eui.0123456789abcdef" },
  glusterfs: { endpoints: "e", path: "p" },
  flocker: { datasetName: "d" },
  persistentVolumeClaim: { claimName: "c" },
  rbd: { monitors: ["m"], image: "i" },
  cinder: { volumeID: "v", secretRef: { name: "s" } },
  cephfs: { monitors: ["m"] },
  quobyte: { registry: "a:1,[fd00::1]:2", volume: "v" },
  downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] },
  fc: { wwids: ["w"] },
  flexVolume: { driver: "example.com/d", options: { "example.com/a": "b" } },
  configMap: { name: "c" },
  azureFile: { secretName: "s", shareName: "s" },
  vsphereVolume: { volumePath: "p" },
  photonPersistentDisk: { pdID: "p" },
  portworxVolume: { volumeID: "v" },
  azureDisk: { diskName: "d", diskURI: "https://a" },
  storageos: { volumeName: "v" },
  projected: { sources: [{ clusterTrustBundle: { signerName: "example.com/s", path: "ca" } }, { configMap: { name: "c" } }] },
  scaleIO: { gateway: "g", system: "s", volumeName: "v", secretRef: { name: "s" } },
  csi: { driver: "D.example.com" },
  ephemeral: {
    volumeClaimTemplate: {
      metadata: { labels: { a: "b" } },
      spec: { accessModes: ["ReadWriteOncePod"], resources: { requests: { storage: 1 } } },
    },
  },
  image: { reference: "data:1" },
}).map(([source, value]) => ({ name: source.toLowerCase(), [source]: value }));

export const podCases: RuleCases = casesOf(podDefinition, {
  accepted: [
    {
      source: "TestValidatePod in pkg/apis/core/validation/validation_test.go",
      cases: [
        ["with nothing but a container", pod({})],
        [
          "with everything that is checked",
          {
            metadata: { name: "web" },
            spec: {
              containers: [
                {
                  ...main,
                  ports: [{ name: "http", containerPort: 80, hostPort: 8080 }],
                  env: [
                    { name: "A.b-c", value: "x" },
                    { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
                    { name: "LABEL", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
                    { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
                    { name: "KEY", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
                  ],
                  envFrom: [{ configMapRef: { name: "c" }, prefix: "P_" }],
                  resources: {
                    requests: { cpu: "100m", memory: "1Gi" },
                    limits: { cpu: 1, memory: "1Gi", "example.com/gpu": 1 },
                  },
                  livenessProbe: { httpGet: { port: "http", httpHeaders: [{ name: "X-A", value: "b" }] } },
                  readinessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 },
                  startupProbe: { grpc: { port: 9000 } },
                  lifecycle: { preStop: { sleep: { seconds: 30 } }, postStart: { exec: { command: ["true"] } } },
                  volumeMounts: [{ name: "v", mountPath: "/v", subPath: "a/b" }],
                  securityContext: { runAsUser: 0, capabilities: { add: ["NET_ADMIN"] }, allowPrivilegeEscalation: false },
                  restartPolicy: "OnFailure",
                  restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [3] } }],
                },
              ],
              initContainers: [{ name: "side", image: "s", restartPolicy: "Always", livenessProbe: { tcpSocket: { port: 1 } } }],
              serviceAccountName: "robot",
              volumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } }],
              affinity: {
                nodeAffinity: {
                  requiredDuringSchedulingIgnoredDuringExecution: {
                    nodeSelectorTerms: [
                      {
                        matchExpressions: [{ key: "cpus", operator: "Gt", values: ["4"] }],
                        matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }],
                      },
                    ],
                  },
                },
              },
              tolerations: [{ operator: "Exists" }, { key: "a", value: "b", effect: "NoExecute", tolerationSeconds: 5 }],
              topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", minDomains: 2 }],
              hostAliases: [{ ip: "10.0.0.1", hostnames: ["db.local"] }],
              dnsPolicy: "None",
              dnsConfig: { nameservers: ["1.1.1.1"], searches: ["_srv.local.", "."], options: [{ name: "ndots", value: "2" }] },
              securityContext: { sysctls: [{ name: "net.core.somaxconn", value: "1" }], fsGroup: 5 },
            },
          },
        ],
        ["with a volume of every sort", pod({ volumes: everyVolume })],
        ["whose name is no DNS label", pod({}, { name: "web.1" })],
        ["on Windows", pod({ os: { name: "windows" }, securityContext: { windowsOptions: { runAsUserName: "DOMAIN\\user" } } })],
        ["of the host's processes", pod({ hostNetwork: true, securityContext: { windowsOptions: { hostProcess: true } } })],
        ["with claims named by their requests", claiming({ name: "a", request: "r" }, { name: "a", request: "s" })],
        ["with a block device", device({})],
        [
          "that says one profile twice",
          pod(
            { securityContext: { seccompProfile: { type: "RuntimeDefault" } } },
            { name: "web", annotations: { "seccomp.security.alpha.kubernetes.io/pod": "docker/default" } },
          ),
        ],
      ],
    },
  ],
  refused: [...refusedPodSpecs, ...refusedContainers, ...refusedVolumes],
  defaulted: [
    {
      source: "SetDefaults_PodSpec, SetDefaults_Container and SetDefaults_Pod in pkg/apis/core/v1/defaults.go",
      cases: [
        [
          "with nothing",
          pod({}),
          {
            spec: {
              restartPolicy: "Always",
              terminationGracePeriodSeconds: 30,
              dnsPolicy: "ClusterFirst",
              securityContext: {},
              schedulerName: "default-scheduler",
              enableServiceLinks: true,
              containers: [
                {
                  ...main,
                  resources: {},
                  terminationMessagePath: "/dev/termination-log",
                  terminationMessagePolicy: "File",
                  imagePullPolicy: "Always",
                },
              ],
            },
          },
        ],
        [
          "with limits",
          container({ resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } } }),
          { spec: { containers: [{ resources: { requests: { cpu: "500m", memory: "1Gi" } } }] } },
        ],
        [
          "on the host's network",
          pod({ hostNetwork: true, containers: [{ ...main, ports: [{ containerPort: 80 }] }] }),
          { spec: { containers: [{ ports: [{ containerPort: 80, hostPort: 80, protocol: "TCP" }] }] } },
        ],
        [
          "with an account of the old name",
          pod({ serviceAccount: "robot" }),
          { spec: { serviceAccountName: "robot", serviceAccount: "robot" } },
        ],
      ],
    },
    {
      source: "SetDefaults_Probe, SetDefaults_HTTPGetAction and SetDefaults_ObjectFieldSelector",
      cases: [
        [
          "with a probe",
          container({ livenessProbe: { httpGet: { port: 80 } } }),
          {
            spec: {
              containers: [
                {
                  livenessProbe: {
                    httpGet: { port: 80, path: "/", scheme: "HTTP" },
                    timeoutSeconds: 1,
                    periodSeconds: 10,
                    successThreshold: 1,
                    failureThreshold: 3,
                  },
                },
              ],
            },
          },
        ],
        [
          "with a gRPC probe",
          container({ livenessProbe: { grpc: { port: 80 } } }),
          { spec: { containers: [{ livenessProbe: { grpc: { port: 80, service: "" } } }] } },
        ],
        [
          "with a hook",
          container({ lifecycle: { preStop: { httpGet: { port: 80 } } } }),
          { spec: { containers: [{ lifecycle: { preStop: { httpGet: { path: "/", scheme: "HTTP" } } } }] } },
        ],
        [
          "with a reference",
          container({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
          { spec: { containers: [{ env: [{ valueFrom: { fieldRef: { apiVersion: "v1" } } }] }] } },
        ],
      ],
    },
    {
      source: "SetDefaults_Volume and those of the volume sources",
      cases: [
        ["with a volume of nothing", pod({ volumes: [{ name: "e" }] }), { spec: { volumes: [{ name: "e", emptyDir: {} }] } }],
        [
          "with files",
          pod({
            volumes: [
              { name: "a", secret: {} },
              { name: "b", configMap: {} },
              { name: "c", downwardAPI: {} },
              { name: "d", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } },
            ],
          }),
          {
            spec: {
              volumes: [
                { secret: { defaultMode: 420 } },
                { configMap: { defaultMode: 420 } },
                { downwardAPI: { defaultMode: 420 } },
                { projected: { defaultMode: 420, sources: [{ serviceAccountToken: { expirationSeconds: 3600 } }] } },
              ],
            },
          },
        ],
        [
          "with a path of the host",
          pod({ volumes: [{ name: "h", hostPath: { path: "/" } }] }),
          { spec: { volumes: [{ hostPath: { type: "" } }] } },
        ],
        [
          "with an image",
          pod({ volumes: [{ name: "i", image: { reference: "data:1" } }] }),
          { spec: { volumes: [{ image: { pullPolicy: "IfNotPresent" } }] } },
        ],
        [
          "with a claim of its own",
          claim({}),
          { spec: { volumes: [{ ephemeral: { volumeClaimTemplate: { spec: { volumeMode: "Filesystem" } } } }] } },
        ],
        [
          "with drivers",
          pod({
            volumes: [
              { name: "a", iscsi: {} },
              { name: "b", rbd: {} },
              { name: "c", azureDisk: {} },
              { name: "d", scaleIO: {} },
            ] as never,
          }),
          {
            spec: {
              volumes: [
                { iscsi: { iscsiInterface: "default" } },
                { rbd: { pool: "rbd", user: "admin", keyring: "/etc/ceph/keyring" } },
                { azureDisk: { cachingMode: "ReadWrite", kind: "Shared", fsType: "ext4", readOnly: false } },
                { scaleIO: { storageMode: "ThinProvisioned", fsType: "xfs" } },
              ],
            },
          },
        ],
      ],
    },
    {
      source: "PrepareForCreate in pkg/registry/core/pod/strategy.go",
      cases: [
        [
          "with a status it made up",
          { ...pod({}), status: { phase: "Running" } },
          { status: { phase: "Pending", qosClass: "BestEffort" } },
        ],
        [
          "with gates",
          pod(gates),
          {
            status: {
              conditions: [
                {
                  type: "PodScheduled",
                  status: "False",
                  reason: "SchedulingGated",
                  message: "Scheduling is blocked due to non-empty scheduling gates",
                },
              ],
            },
          },
        ],
        [
          "that keeps away from pods of its own revision",
          {
            ...podTerm({
              labelSelector: { matchLabels: { a: "b" } },
              matchLabelKeys: ["rev"],
              mismatchLabelKeys: ["tenant", "none"],
            }),
            metadata: { name: "web", labels: { rev: "1", tenant: "t" } },
          },
          {
            spec: {
              affinity: {
                podAntiAffinity: {
                  requiredDuringSchedulingIgnoredDuringExecution: [
                    {
                      labelSelector: {
                        matchExpressions: [
                          { key: "rev", operator: "In", values: ["1"] },
                          { key: "tenant", operator: "NotIn", values: ["t"] },
                        ],
                      },
                    },
                  ],
                },
              },
            },
          },
        ],
        [
          "that spreads with pods of its own revision",
          { ...spread({ labelSelector: {}, matchLabelKeys: ["rev"] }), metadata: { name: "web", labels: { rev: "1" } } },
          {
            spec: {
              topologySpreadConstraints: [
                { labelSelector: { matchExpressions: [{ key: "rev", operator: "In", values: ["1"] }] } },
              ],
            },
          },
        ],
      ],
    },
  ],
  updated: [
    {
      source: "ValidatePodUpdate in pkg/apis/core/validation/validation.go",
      cases: rows([
        ["may change an image", container({ image: "nginx:1" }), container({ image: "nginx:2" }), []],
        ["may set and shorten a deadline", pod({ activeDeadlineSeconds: 9 }), pod({ activeDeadlineSeconds: 5 }), []],
        ["may add a toleration", pod({ tolerations: [{ key: "a" }] }), pod({ tolerations: [{ key: "a" }, { key: "b" }] }), []],
        ["may open a gate", pod({ schedulingGates: [{ name: "g" }] }), pod({}), []],
        [
          "may narrow a gated pod's nodes",
          pod({ schedulingGates: [{ name: "g" }] }),
          pod({ schedulingGates: [{ name: "g" }], nodeSelector: { a: "b" } }),
          [],
        ],
        [
          "may mend a negative grace period",
          pod({ terminationGracePeriodSeconds: -1 }),
          pod({ terminationGracePeriodSeconds: 1 }),
          [],
        ],
        ["may not change the node", pod({ nodeName: "a" }), pod({ nodeName: "b" }), [`${fixed}spec.nodeName`]],
        ["may not change a command", pod({}), container({ command: ["x"] }), [`${fixed}spec.containers`]],
        [
          "may not add a container",
          pod({}),
          pod({ containers: [main, { ...main, name: "b" }] }),
          ["spec.containers: Forbidden: pod updates may not add or remove containers"],
        ],
        [
          "may not add an init container",
          pod({}),
          init({}),
          ["spec.initContainers: Forbidden: pod updates may not add or remove containers"],
        ],
        [
          "may not lengthen a deadline",
          pod({ activeDeadlineSeconds: 5 }),
          pod({ activeDeadlineSeconds: 9 }),
          ["spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value"],
        ],
        [
          "may not drop a deadline",
          pod({ activeDeadlineSeconds: 5 }),
          pod({}),
          ['spec.activeDeadlineSeconds: Invalid value: "null": must not update from a positive integer to nil value'],
        ],
        [
          "may not drop a toleration",
          pod({ tolerations: [{ key: "a" }] }),
          pod({}),
          ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
        ],
        [
          "may not add a gate",
          pod({}),
          pod({ schedulingGates: [{ name: "g" }] }),
          ["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"],
        ],
        [
          "may not widen a gated pod's nodes",
          pod({ schedulingGates: [{ name: "g" }], nodeSelector: { a: "b" } }),
          pod({ schedulingGates: [{ name: "g" }] }),
          ["spec.nodeSelector: Invalid value: {}: only additions to spec.nodeSelector are allowed (no mutations or deletions)"],
        ],
        [
          "may not empty an image",
          container({}),
          container({ image: "" }),
          ["spec.containers[0].image: Required value", "spec.containers[0].image: Required value"],
        ],
        [
          "may lengthen what it tolerates",
          pod({ tolerations: [{ key: "a", effect: "NoExecute", tolerationSeconds: 1 }] }),
          pod({ tolerations: [{ key: "a", effect: "NoExecute", tolerationSeconds: 9 }] }),
          [],
        ],
        [
          "may narrow a gated pod's terms",
          pod({ ...gates, ...terms({ matchExpressions: [zone] }) }),
          pod({ ...gates, ...terms({ matchExpressions: [zone, { key: "disk", operator: "Exists" }] }) }),
          [],
        ],
        ["may give a gated pod its first terms", pod(gates), pod({ ...gates, ...terms({ matchExpressions: [zone] }) }), []],
        [
          "may not give a gated pod more terms",
          pod({ ...gates, ...terms({ matchExpressions: [zone] }) }),
          pod(gates),
          [`${termsAt}: Invalid value: []: no additions/deletions to non-empty NodeSelectorTerms list are allowed`],
        ],
        [
          "may not change a gated pod's terms",
          pod({ ...gates, ...terms({ matchExpressions: [zone] }) }),
          pod({ ...gates, ...terms({ matchExpressions: [{ ...zone, values: ["b"] }] }) }),
          [
            `${termsAt}[0]: Invalid value: {"matchExpressions":[{"key":"zone","operator":"In","values":["b"]}]}: only additions are allowed (no mutations or deletions)`,
          ],
        ],
        ["may not change an open pod's terms", pod({}), pod(terms({ matchExpressions: [zone] })), [`${fixed}spec.affinity`]],
      ]),
    },
    {
      source: "ValidatePodSpecificAnnotationUpdates",
      cases: rows([
        [
          "may not become a mirror",
          pod({ nodeName: "n" }),
          pod({ nodeName: "n" }, { name: "web", annotations: { "kubernetes.io/config.mirror": "x" } }),
          ["metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation"],
        ],
        [
          "may not lose its AppArmor profile",
          pod({}, { name: "web", annotations: { "container.apparmor.security.beta.kubernetes.io/main": "unconfined" } }),
          pod({}),
          [
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/main]: Forbidden: may not remove or update AppArmor annotations",
          ],
        ],
      ]),
    },
    {
      source: "ValidatePodStatusUpdate",
      cases: rows([
        [
          "of the status may not bring back what ended and never restarts",
          ...ended("containerStatuses", "Never", 1, { running: {} }),
          [isOver("containerStatuses")],
          "status",
        ],
        [
          "of the status may not bring back what ended well",
          ...ended("containerStatuses", "OnFailure", 0, { running: {} }),
          [isOver("containerStatuses")],
          "status",
        ],
        [
          "of the status may bring back what failed",
          ...ended("containerStatuses", "OnFailure", 1, { running: {} }),
          [],
          "status",
        ],
        [
          "of the status may bring back what always restarts",
          ...ended("containerStatuses", "Always", 0, { running: {} }),
          [],
          "status",
        ],
        [
          "of the status may say again that it ended",
          ...ended("containerStatuses", "Never", 1, { terminated: { exitCode: 1 } }),
          [],
          "status",
        ],
        [
          "of the status may not bring back an init container",
          ...ended("initContainerStatuses", "Never", 1, { running: {} }),
          [isOver("initContainerStatuses")],
          "status",
        ],
        [
          "of the status may not bring back an ephemeral container",
          ...ended("ephemeralContainerStatuses", "Never", 1, { running: {} }),
          [isOver("ephemeralContainerStatuses")],
          "status",
        ],
        [
          "of the status may not change the quality",
          withStatus({}),
          withStatus({ qosClass: "Guaranteed" }),
          ['status.qosClass: Invalid value: "Guaranteed": field is immutable'],
          "status",
        ],
        [
          "of the status may have a condition of others",
          withStatus({}),
          withStatus({ conditions: [{ type: "example.com/ready", status: "True" }] }),
          [],
          "status",
        ],
        [
          "of the status may not have a condition of any name",
          withStatus({}),
          withStatus({ conditions: [{ type: "a b", status: "True" }] }),
          [`metadata.conditions[0].Type: Invalid value: "a b": ${qualified}`],
          "status",
        ],
        [
          "of the status may not nominate a node of any name",
          withStatus({}),
          withStatus({ nominatedNodeName: "-" }),
          [`status.nominatedNodeName: Invalid value: "-": ${subdomain}`],
          "status",
        ],
        [
          "of the status may have an address of each family",
          withStatus({}),
          withStatus({ podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] }),
          [],
          "status",
        ],
        [
          "of the status may not have two of one family",
          withStatus({}),
          withStatus({ podIPs: [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }] }),
          [
            'status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each IP family',
          ],
          "status",
        ],
        [
          "of the status may not have an address twice",
          withStatus({}),
          withStatus({ podIPs: [{ ip: "10.0.0.1" }, { ip: "10.0.0.1" }] }),
          [
            'status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.1"}]: may specify no more than one IP for each IP family',
            'status.podIPs[1]: Duplicate value: {"ip":"10.0.0.1"}',
          ],
          "status",
        ],
        [
          "of the status may not have what is no address",
          withStatus({}),
          withStatus({ podIPs: [{ ip: "x" }] }),
          [`status.podIPs[0]: Invalid value: "x": ${ip}`],
          "status",
        ],
        [
          "of the status must say the host's address first",
          withStatus({}),
          withStatus({ hostIP: "10.0.0.2", hostIPs: [{ ip: "10.0.0.1" }] }),
          ['status.hostIPs[0].ip: Invalid value: "10.0.0.1": must be equal to `hostIP`'],
          "status",
        ],
        [
          "of the status may speak of claims the pod has",
          withStatus({}, { resourceClaims: [{ name: "a", resourceClaimName: "c" }] }),
          withStatus({ resourceClaimStatuses: [{ name: "a" }] }, { resourceClaims: [{ name: "a", resourceClaimName: "c" }] }),
          [],
          "status",
        ],
        [
          "of the status may not speak of other claims",
          withStatus({}),
          withStatus({ resourceClaimStatuses: [{ name: "a" }] }),
          ['status.resourceClaimStatuses[0].name: Invalid value: "a": must match the name of an entry in `spec.resourceClaims`'],
          "status",
        ],
        [
          "of the status may not have a user out of range",
          withStatus({}),
          withStatus({ containerStatuses: [{ name: "main", user: { linux: { uid: -1, gid: 0 } } }] }),
          ["status.containerStatuses[0].linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
          "status",
        ],
      ]),
    },
    {
      source: "podStatusStrategy in pkg/registry/core/pod/strategy.go",
      cases: [
        {
          what: "of the status keeps the quality, when its client does not know it",
          old: withStatus({}),
          next: pod({}),
          stored: { status: { qosClass: "BestEffort" } },
          subresource: "status",
        },
        {
          what: "of the status keeps the generations that were looked at",
          old: withStatus({ observedGeneration: 3, conditions: [{ type: "Ready", status: "True", observedGeneration: 3 }] }),
          next: withStatus({ conditions: [{ type: "Ready", status: "False" }] }),
          stored: { status: { observedGeneration: 3, conditions: [{ type: "Ready", status: "False", observedGeneration: 3 }] } },
          subresource: "status",
        },
      ],
    },
  ],
});
