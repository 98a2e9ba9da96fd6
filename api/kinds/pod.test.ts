import { describe, expect, test } from "vitest";
import type { Container, Pod, PodSpec } from "../generated/types.ts";
import { podDefinition } from "./pod.ts";
import { refusals, updateRefusals } from "./rules.testing.ts";

const main: Container = { name: "main", image: "nginx" };
const pod = (spec: Partial<PodSpec>, metadata: Pod["metadata"] = { name: "web" }): Pod => ({
  metadata,
  spec: { containers: [main], ...spec },
});
const container = (part: Partial<Container>): Pod => pod({ containers: [{ ...main, ...part }] });
const init = (part: Partial<Container>): Pod => pod({ initContainers: [{ name: "init", image: "busybox", ...part }] });
const mounted = (part: Partial<NonNullable<Container["volumeMounts"]>[number]>): Pod => ({
  metadata: {},
  spec: {
    containers: [{ ...main, volumeMounts: [{ name: "data", mountPath: "/data", ...part }] }],
    volumes: [{ name: "data", emptyDir: {} }],
  },
});
const volume = (source: object): Pod => pod({ volumes: [{ name: "v", ...source }] });
const nodeTerm = (term: object): Pod =>
  pod({
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
    },
  });
const podTerm = (term: object): Pod =>
  pod({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "zone", ...term }] } },
  });
const spread = (part: object): Pod =>
  pod({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", ...part }],
  });

const label = (what: string): string =>
  `${what}: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`;
const qualified =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const ip = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const http = (part: object): Container["livenessProbe"] => ({ httpGet: { port: 80, ...part } });
const at = "spec.containers[0]";

describe("a pod is accepted", () => {
  test.each<[string, Pod]>([
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
              resources: { requests: { cpu: "100m", memory: "1Gi" }, limits: { cpu: 1, memory: "1Gi", "example.com/gpu": 1 } },
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
  ])("%s", (_what, given) => {
    expect(refusals(podDefinition, given)).toEqual([]);
  });
});

describe("a pod is refused", () => {
  test.each<[object, string | string[]]>([
    [pod({ containers: [] }), "spec.containers: Required value"],
    [
      pod({ restartPolicy: "Sometimes" }),
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      pod({ dnsPolicy: "Mine" }),
      'spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ],
    [pod({ dnsPolicy: "None" }), "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    [
      pod({ dnsPolicy: "None", dnsConfig: {} }),
      "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
    ],
    [
      pod({ dnsConfig: { nameservers: ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"] } }),
      'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]: must not have more than 3 nameservers',
    ],
    [pod({ dnsConfig: { nameservers: ["one"] } }), `spec.dnsConfig.nameservers[0]: Invalid value: "one": ${ip}`],
    [pod({ dnsConfig: { options: [{}] } }), "spec.dnsConfig.options[0]: Required value: must not be empty"],
    [pod({ nodeSelector: { "a b": "c" } }), `spec.nodeSelector: Invalid value: "a b": ${qualified}`],
    [
      pod({ activeDeadlineSeconds: 0 }),
      "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
    ],
    [pod({ hostname: "A_b" }), label('spec.hostname: Invalid value: "A_b"')],
    [pod({ subdomain: "a.b" }), 'spec.subdomain: Invalid value: "a.b": must not contain dots'],
    [
      pod({ readinessGates: [{ conditionType: "a b" }] }),
      `spec.readinessGates[0].conditionType: Invalid value: "a b": ${qualified}`,
    ],
    [pod({ schedulingGates: [{ name: "g" }, { name: "g" }] }), 'spec.schedulingGates[1]: Duplicate value: "g"'],
    [
      pod({ schedulingGates: [{ name: "g" }], nodeName: "n" }),
      "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
    ],
    [pod({ ephemeralContainers: [{ name: "e", image: "i" }] }), "spec.ephemeralContainers: Forbidden: cannot be set on create"],
    [
      pod({ preemptionPolicy: "Always" }),
      'spec.preemptionPolicy: Unsupported value: "Always": supported values: "PreemptLowerPriority", "Never"',
    ],
    [pod({ os: { name: "beos" } }), 'spec.os: Unsupported value: "beos": supported values: "linux", "windows"'],
    [
      pod({ hostAliases: [{ ip: "x", hostnames: ["A"] }] }),
      [
        `spec.hostAliases[0].ip: Invalid value: "x": ${ip}`,
        "spec.hostAliases[0].hostnames[0]: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    ],
    [
      pod({ shareProcessNamespace: true, hostPID: true }),
      "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
    ],
    [pod({ hostUsers: false, hostNetwork: true }), "spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false"],
    [
      pod({ securityContext: { runAsUser: -1 } }),
      "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
    ],
    [
      pod({ securityContext: { supplementalGroups: [1, -1] } }),
      "spec.securityContext.supplementalGroups[1]: Invalid value: -1: must be between 0 and 2147483647, inclusive",
    ],
    [
      pod({ securityContext: { fsGroupChangePolicy: "Never" } }),
      'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Never": supported values: "Always", "OnRootMismatch"',
    ],
    [
      pod({
        securityContext: {
          sysctls: [
            { name: "kernel.shmmax", value: "1" },
            { name: "kernel.shmmax", value: "2" },
          ],
        },
      }),
      'spec.securityContext.sysctls[1].name: Duplicate value: "kernel.shmmax"',
    ],
    [
      pod({ securityContext: { sysctls: [{ name: "A", value: "1" }] } }),
      'spec.securityContext.sysctls[0].name: Invalid value: "A": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
    ],
    [
      pod({ hostNetwork: true, securityContext: { sysctls: [{ name: "net.ipv4.ip_forward", value: "1" }] } }),
      "spec.securityContext.sysctls[0].name: Invalid value: \"net.ipv4.ip_forward\": may not be specified when 'hostNetwork' is true",
    ],
    [
      pod({ securityContext: { seccompProfile: { type: "Localhost" } } }),
      "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
    ],
    [
      pod({ securityContext: { seccompProfile: { type: "Strict" } } }),
      'spec.securityContext.seccompProfile.type: Unsupported value: "Strict": supported values: "Localhost", "RuntimeDefault", "Unconfined"',
    ],
    [
      pod({ securityContext: { appArmorProfile: { type: "Localhost", localhostProfile: " a" } } }),
      'spec.securityContext.appArmorProfile.localhostProfile: Invalid value: " a": must not be padded with whitespace',
    ],
    // Tolerations
    [
      pod({ tolerations: [{ value: "a" }] }),
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      pod({ tolerations: [{ key: "a", tolerationSeconds: 1 }] }),
      "spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set",
    ],
    [
      pod({ tolerations: [{ key: "a", operator: "Exists", value: "b" }] }),
      "spec.tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'",
    ],
    [
      pod({ tolerations: [{ key: "a", operator: "Like" }] }),
      'spec.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
    ],
    [
      pod({ tolerations: [{ key: "a", effect: "Never" }] }),
      'spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
    // Affinity and spreading
    [
      nodeTerm({ matchExpressions: [{ key: "a", operator: "In" }] }),
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
    [
      nodeTerm({ matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] }),
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ],
    [
      nodeTerm({ matchExpressions: [{ key: "a", operator: "Gt", values: ["1", "2"] }] }),
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
    ],
    [
      nodeTerm({ matchExpressions: [{ key: "a", operator: "Near" }] }),
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
    ],
    [
      nodeTerm({ matchFields: [{ key: "spec.x", operator: "In", values: ["a"] }] }),
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "spec.x": not a valid field selector key',
    ],
    [
      pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } }),
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
    ],
    [
      pod({ affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 101, preference: {} }] } } }),
      "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100",
    ],
    [
      podTerm({ topologyKey: "" }),
      [
        "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty",
        'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must be non-empty',
        `spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": ${qualified}`,
      ],
    ],
    [
      podTerm({ matchLabelKeys: ["a"] }),
      "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
    ],
    [
      podTerm({ labelSelector: { matchExpressions: [{ key: "a", operator: "In" }] } }),
      "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
    [
      podTerm({ namespaces: ["A"] }),
      label('spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespace: Invalid value: "A"'),
    ],
    [spread({ maxSkew: 0 }), "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"],
    [spread({ topologyKey: "" }), "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty"],
    [
      spread({ whenUnsatisfiable: "" }),
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
    [
      spread({ whenUnsatisfiable: "ScheduleAnyway", minDomains: 2 }),
      "spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
    ],
    [
      spread({ nodeTaintsPolicy: "No" }),
      'spec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: "No": supported values: "Honor", "Ignore"',
    ],
    [
      spread({ matchLabelKeys: ["a"] }),
      "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
    ],
    [
      pod({
        topologySpreadConstraints: [1, 2].map((maxSkew) => ({
          maxSkew,
          topologyKey: "zone",
          whenUnsatisfiable: "DoNotSchedule",
        })),
      }),
      'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"',
    ],
    // Containers
    [container({ name: "" }), `${at}.name: Required value`],
    [container({ name: "A" }), label(`${at}.name: Invalid value: "A"`)],
    [container({ image: "" }), `${at}.image: Required value`],
    [container({ image: " nginx" }), `${at}.image: Invalid value: " nginx": must not have leading or trailing whitespace`],
    [pod({ containers: [main, main] }), 'spec.containers[1].name: Duplicate value: "main"'],
    [init({ name: "main" }), 'spec.initContainers[0].name: Duplicate value: "main"'],
    [
      container({ imagePullPolicy: "Maybe" }),
      `${at}.imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"`,
    ],
    [
      container({ terminationMessagePolicy: "Log" }),
      `${at}.terminationMessagePolicy: Unsupported value: "Log": supported values: "File", "FallbackToLogsOnError"`,
    ],
    [
      container({ restartPolicy: "Maybe" }),
      `${at}.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "Never", "OnFailure"`,
    ],
    [
      container({ restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In" } }] }),
      `${at}.restartPolicy: Required value: must specify restartPolicy when restart rules are used`,
    ],
    [
      container({ resizePolicy: [{ resourceName: "disk", restartPolicy: "NotRequired" }] }),
      `${at}.resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"`,
    ],
    [
      pod({
        restartPolicy: "Never",
        containers: [{ ...main, resizePolicy: [{ resourceName: "cpu", restartPolicy: "RestartContainer" }] }],
      }),
      `${at}.resizePolicy: Invalid value: "RestartContainer": must be 'NotRequired' when \`restartPolicy\` is 'Never'`,
    ],
    [
      init({ lifecycle: {} }),
      "spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always",
    ],
    [
      init({ readinessProbe: { tcpSocket: { port: 1 } } }),
      "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
    ],
    // Ports
    [container({ ports: [{ containerPort: 0 }] }), `${at}.ports[0].containerPort: Required value`],
    [
      container({ ports: [{ containerPort: 65536 }] }),
      `${at}.ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive`,
    ],
    [
      container({ ports: [{ containerPort: 1, protocol: "tcp" }] }),
      `${at}.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"`,
    ],
    [
      container({
        ports: [
          { containerPort: 1, name: "a" },
          { containerPort: 2, name: "a" },
        ],
      }),
      `${at}.ports[1].name: Duplicate value: "a"`,
    ],
    [
      container({ ports: [{ containerPort: 1, name: "a-name-of-more-than-15" }] }),
      `${at}.ports[0].name: Invalid value: "a-name-of-more-than-15": must be no more than 15 bytes`,
    ],
    [
      container({ ports: [{ containerPort: 1, name: "80" }] }),
      `${at}.ports[0].name: Invalid value: "80": must contain at least one letter (a-z)`,
    ],
    [
      container({
        ports: [
          { containerPort: 1, hostPort: 5 },
          { containerPort: 2, hostPort: 5 },
        ],
      }),
      `${at}.ports[1].hostPort: Duplicate value: "TCP//5"`,
    ],
    [
      pod({ hostNetwork: true, containers: [{ ...main, ports: [{ containerPort: 1, hostPort: 2 }] }] }),
      `${at}.ports[0].hostPort: Invalid value: 2: must match \`containerPort\` when \`hostNetwork\` is true`,
    ],
    // Environment
    [container({ env: [{ name: "" }] }), `${at}.env[0].name: Required value`],
    [
      container({ env: [{ name: "a=b" }] }),
      `${at}.env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='`,
    ],
    [
      container({ env: [{ name: "A", valueFrom: {} }] }),
      `${at}.env[0].valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\`, \`secretKeyRef\` or \`fileKeyRef\``,
    ],
    [
      container({ env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
      `${at}.env[0].valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`,
    ],
    [
      container({
        env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" }, secretKeyRef: { name: "s", key: "k" } } }],
      }),
      `${at}.env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time`,
    ],
    [
      container({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.x" } } }] }),
      `${at}.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.x": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"`,
    ],
    [
      container({ env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.gpu" } } }] }),
      `${at}.env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"`,
    ],
    [
      container({ env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "2" } } }] }),
      `${at}.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
    ],
    [
      container({ env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "c", key: "" } } }] }),
      `${at}.env[0].valueFrom.configMapKeyRef.key: Required value`,
    ],
    [container({ envFrom: [{}] }), `${at}.envFrom: Invalid value: "": must specify one of: \`configMapRef\` or \`secretRef\``],
    [container({ envFrom: [{ secretRef: {} }] }), `${at}.envFrom[0].secretRef.name: Required value`],
    // Resources
    [
      container({ resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } }),
      `${at}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`,
    ],
    [
      container({ resources: { limits: { memory: "-1" } } }),
      [
        `${at}.resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0`,
        `${at}.resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0`,
      ],
    ],
    [
      container({ resources: { requests: { gpu: "1" } } }),
      [
        `${at}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified`,
        `${at}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers`,
      ],
    ],
    [
      container({ resources: { requests: { "example.com/gpu": "1" } } }),
      `${at}.resources.limits: Required value: Limit must be set for non overcommitable resources`,
    ],
    [
      container({ resources: { limits: { "example.com/gpu": "500m" } } }),
      [
        `${at}.resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer`,
        `${at}.resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer`,
      ],
    ],
    [
      container({ resources: { limits: { "hugepages-2Mi": "2Mi" } } }),
      `${at}.resources: Forbidden: HugePages require cpu or memory`,
    ],
    [
      container({ resources: { claims: [{ name: "c" }] } }),
      `${at}.resources.claims[0]: Not found: "c": must be one of the names in pod.spec.resourceClaims which is empty`,
    ],
    // Probes and handlers
    [container({ livenessProbe: {} }), `${at}.livenessProbe: Required value: must specify a handler type`],
    [
      container({ livenessProbe: { tcpSocket: { port: 1 }, grpc: { port: 2 } } }),
      `${at}.livenessProbe.grpc: Forbidden: may not specify more than 1 handler type`,
    ],
    [container({ livenessProbe: { exec: {} } }), `${at}.livenessProbe.exec.command: Required value`],
    [
      container({ livenessProbe: http({ port: 0 }) ?? {} }),
      `${at}.livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive`,
    ],
    [
      container({ livenessProbe: http({ scheme: "http" }) ?? {} }),
      `${at}.livenessProbe.httpGet.scheme: Unsupported value: "http": supported values: "HTTP", "HTTPS"`,
    ],
    [
      container({ livenessProbe: http({ httpHeaders: [{ name: "a b", value: "" }] }) ?? {} }),
      `${at}.livenessProbe.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')`,
    ],
    [
      container({ livenessProbe: { grpc: { port: 70000 } } }),
      `${at}.livenessProbe.grpc.port: Invalid value: 70000: must be between 1 and 65535, inclusive`,
    ],
    [
      container({ livenessProbe: { tcpSocket: { port: 1 }, periodSeconds: -1 } }),
      `${at}.livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`,
    ],
    [
      container({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }),
      `${at}.livenessProbe.successThreshold: Invalid value: 2: must be 1`,
    ],
    [
      container({ startupProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 0 } }),
      `${at}.startupProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0`,
    ],
    [
      container({ readinessProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 5 } }),
      `${at}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes`,
    ],
    [
      container({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
      `${at}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)`,
    ],
    // Mounts
    [mounted({ name: "other" }), `${at}.volumeMounts[0].name: Not found: "other"`],
    [mounted({ mountPath: "" }), `${at}.volumeMounts[0].mountPath: Required value`],
    [mounted({ subPath: "/a" }), `${at}.volumeMounts.subPath: Invalid value: "/a": must be a relative path`],
    [mounted({ subPath: "a/../../b" }), `${at}.volumeMounts.subPath: Invalid value: "a/../../b": must not contain '..'`],
    [
      mounted({ subPath: "a", subPathExpr: "b" }),
      `${at}.volumeMounts[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive`,
    ],
    [
      mounted({ mountPropagation: "Bidirectional" }),
      `${at}.volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers`,
    ],
    [
      mounted({ recursiveReadOnly: "Enabled" }),
      `${at}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true`,
    ],
    [
      pod({
        volumes: [{ name: "d", emptyDir: {} }],
        containers: [{ ...main, volumeMounts: [1, 2].map(() => ({ name: "d", mountPath: "/d" })) }],
      }),
      `${at}.volumeMounts[1].mountPath: Invalid value: "/d": must be unique`,
    ],
    // Security of a container
    [
      container({ securityContext: { runAsGroup: 2 ** 31 } }),
      `${at}.securityContext.runAsGroup: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive`,
    ],
    [
      container({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      `${at}.securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
    ],
    [
      container({ securityContext: { capabilities: { add: ["CAP_SYS_ADMIN"] }, allowPrivilegeEscalation: false } }),
      `${at}.securityContext: Invalid value: {"capabilities":{"add":["CAP_SYS_ADMIN"]},"allowPrivilegeEscalation":false}: cannot set \`allowPrivilegeEscalation\` to false and \`capabilities.Add\` CAP_SYS_ADMIN`,
    ],
    [
      container({ securityContext: { procMount: "Unmasked" } }),
      `${at}.securityContext.procMount: Invalid value: "Unmasked": \`hostUsers\` must be false to use \`Unmasked\``,
    ],
    // Volumes
    [pod({ volumes: [{ name: "", emptyDir: {} }] }), "spec.volumes[0].name: Required value"],
    [
      pod({
        volumes: [
          { name: "a", emptyDir: {} },
          { name: "a", emptyDir: {} },
        ],
      }),
      'spec.volumes[1].name: Duplicate value: "a"',
    ],
    [
      volume({ emptyDir: {}, hostPath: { path: "/" } }),
      "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
    ],
    [
      volume({ emptyDir: { sizeLimit: "-1" } }),
      "spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity",
    ],
    [volume({ hostPath: { path: "" } }), "spec.volumes[0].hostPath.path: Required value"],
    [
      volume({ hostPath: { path: "/a/../b" } }),
      "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
    ],
    [
      volume({ hostPath: { path: "/", type: "Dir" } }),
      'spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
    [volume({ configMap: {} }), "spec.volumes[0].configMap.name: Required value"],
    [
      volume({ secret: { secretName: "s", defaultMode: 512 } }),
      "spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
    ],
    [
      volume({ secret: { secretName: "s", items: [{ key: "k", path: "..a" }] } }),
      "spec.volumes[0].secret.items[0].path: Invalid value: \"..a\": must not start with '..'",
    ],
    [
      volume({ downwardAPI: { items: [{ path: "p" }] } }),
      "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
    ],
    [
      pod({
        serviceAccountName: "robot",
        volumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 599 } }] } }],
      }),
      "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
    ],
    [
      volume({
        projected: {
          sources: [
            { secret: { name: "a", items: [{ key: "k", path: "p" }] } },
            { configMap: { name: "b", items: [{ key: "k", path: "p" }] } },
          ],
        },
      }),
      'spec.volumes[0].projected: Invalid value: "b": conflicting duplicate paths',
    ],
    [volume({ persistentVolumeClaim: {} }), "spec.volumes[0].persistentVolumeClaim.claimName: Required value"],
    [volume({ nfs: { server: "s", path: "a" } }), 'spec.volumes[0].nfs.path: Invalid value: "a": must be an absolute path'],
  ])("%#: %j", (given, expected) => {
    expect(refusals(podDefinition, given as Pod)).toEqual([expected].flat());
  });
});

describe("a pod gets", () => {
  const spec = (given: Pod): PodSpec => podDefinition.withDefaults?.(given).spec ?? { containers: [] };

  test("upstream's defaults", () => {
    expect(spec(pod({}))).toEqual({
      containers: [
        {
          ...main,
          resources: {},
          terminationMessagePath: "/dev/termination-log",
          terminationMessagePolicy: "File",
          imagePullPolicy: "Always",
        },
      ],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      securityContext: {},
      schedulerName: "default-scheduler",
      enableServiceLinks: true,
    });
  });

  test.each([
    ["nginx", "Always"],
    ["nginx:latest", "Always"],
    ["nginx:1.27", "IfNotPresent"],
    ["registry:5000/nginx", "Always"],
    ["registry:5000/nginx:1", "IfNotPresent"],
    [`nginx@sha256:${"0".repeat(64)}`, "IfNotPresent"],
  ])("for image %s the pull policy %s", (image, policy) => {
    expect(spec(container({ image })).containers[0]?.imagePullPolicy).toBe(policy);
  });

  test("limits for requests it does not make", () => {
    const { resources } =
      spec(container({ resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } } })).containers[0] ?? main;
    expect(resources?.requests).toEqual({ cpu: "500m", memory: "1Gi" });
  });

  test("the host's ports on the host's network", () => {
    const given = pod({ hostNetwork: true, containers: [{ ...main, ports: [{ containerPort: 80 }] }] });
    expect(spec(given).containers[0]?.ports).toEqual([{ containerPort: 80, hostPort: 80, protocol: "TCP" }]);
  });

  test("probes, volumes and references filled in", () => {
    const given = pod({
      containers: [
        {
          ...main,
          livenessProbe: { httpGet: { port: 80 } },
          env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
        },
      ],
      volumes: [{ name: "e" }, { name: "s", secret: { secretName: "s" } }, { name: "h", hostPath: { path: "/" } }],
      serviceAccount: "robot",
    });
    const whole = spec(given);
    expect(whole.containers[0]?.livenessProbe).toEqual({
      httpGet: { port: 80, path: "/", scheme: "HTTP" },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
    expect(whole.containers[0]?.env?.[0]?.valueFrom?.fieldRef).toEqual({ fieldPath: "metadata.name", apiVersion: "v1" });
    expect(whole.volumes).toEqual([
      { name: "e", emptyDir: {} },
      { name: "s", secret: { secretName: "s", defaultMode: 420 } },
      { name: "h", hostPath: { path: "/", type: "" } },
    ]);
    expect(whole.serviceAccountName).toBe("robot");
  });

  test("the same again from what it has got", () => {
    const once = podDefinition.withDefaults?.(container({ ports: [{ containerPort: 1 }], resources: { limits: { cpu: "1" } } }));
    expect(once && podDefinition.withDefaults?.(once)).toEqual(once);
  });

  test.each<[Container["resources"], string]>([
    [undefined, "BestEffort"],
    [{ requests: { cpu: "1" } }, "Burstable"],
    [{ limits: { cpu: "1", memory: "1Gi" } }, "Guaranteed"],
    [{ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } }, "Burstable"],
    [{ limits: { "example.com/gpu": "1" } }, "BestEffort"],
  ])("with resources %j the quality %s", (resources, expected) => {
    const whole = podDefinition.withDefaults?.(container(resources === undefined ? {} : { resources }));
    expect(whole && podDefinition.prepareForCreate?.(whole).status).toEqual({ phase: "Pending", qosClass: expected });
  });
});

describe("an update of a pod", () => {
  const fixed =
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\nchanged: ";

  test.each<[string, Pod, Pod, string[]]>([
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
  ])("%s", (_what, old, next, expected) => {
    expect(updateRefusals(podDefinition, next, old)).toEqual(expected);
  });

  test("of the status does not bring back what ended for good", () => {
    const state = (policy: string, exitCode: number, now: object): string[] => {
      const status = (running: object): Pod["status"] => ({ containerStatuses: [{ name: "main", state: running } as never] });
      const old: Pod = { ...pod({ restartPolicy: policy }), status: status({ terminated: { exitCode } }) ?? {} };
      return updateRefusals(podDefinition, { ...old, status: status(now) ?? {} }, old, "status");
    };
    const refused = ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"];
    expect(state("Never", 1, { running: {} })).toEqual(refused);
    expect(state("OnFailure", 0, { running: {} })).toEqual(refused);
    expect(state("OnFailure", 1, { running: {} })).toEqual([]);
    expect(state("Always", 0, { running: {} })).toEqual([]);
    expect(state("Never", 1, { terminated: { exitCode: 1 } })).toEqual([]);
  });
});
