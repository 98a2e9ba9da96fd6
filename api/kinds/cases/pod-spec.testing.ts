import type { RuleCases } from "../rules.testing.ts";
import { ip, label, main, nodeTerm, pod, podTerm, qualified, spread, subdomain } from "./pod-builders.testing.ts";

export const refusedPodSpecs: RuleCases["refused"] = [
  {
    source: "ValidatePodSpec, validatePodDNSConfig and validatePodSpecSecurityContext in pkg/apis/core/validation/validation.go",
    cases: [
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
    ],
  },
  {
    source: "ValidateTolerations",
    cases: [
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
    ],
  },
  {
    source: "validateAffinity and validateTopologySpreadConstraints",
    cases: [
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
        pod({
          affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 101, preference: {} }] } },
        }),
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
    ],
  },
  {
    source: "validatePodResourceClaims",
    cases: [
      [pod({ resourceClaims: [{ name: "", resourceClaimName: "c" }] }), "spec.resourceClaims[0].name: Required value"],
      [
        pod({
          resourceClaims: [
            { name: "a", resourceClaimName: "c" },
            { name: "a", resourceClaimName: "c" },
          ],
        }),
        'spec.resourceClaims[1].name: Duplicate value: "a"',
      ],
      [
        pod({ resourceClaims: [{ name: "A", resourceClaimName: "c" }] }),
        label('spec.resourceClaims[0].name: Invalid value: "A"'),
      ],
      [
        pod({ resourceClaims: [{ name: "a" }] }),
        'spec.resourceClaims[0]: Invalid value: {"name":"a"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
      ],
      [
        pod({ resourceClaims: [{ name: "a", resourceClaimName: "c", resourceClaimTemplateName: "t" }] }),
        'spec.resourceClaims[0]: Invalid value: {"name":"a","resourceClaimName":"c","resourceClaimTemplateName":"t"}: at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
      ],
      [
        pod({ resourceClaims: [{ name: "a", resourceClaimName: "-" }] }),
        `spec.resourceClaims[0].resourceClaimName: Invalid value: "-": ${subdomain}`,
      ],
    ],
  },
  {
    source: "validateOverhead",
    cases: [
      [pod({ overhead: { cpu: "-1" } }), 'spec.overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
      [
        pod({ overhead: { gpu: "1" } }),
        [
          'spec.overhead.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
          'spec.overhead.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
        ],
      ],
    ],
  },
  {
    source: "validateOS, validateLinux and validateWindows",
    cases: [
      [pod({ os: { name: "" } }), "spec.os.name: Required value: cannot be empty"],
      [
        pod({ os: { name: "linux" }, securityContext: { windowsOptions: {} } }),
        "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
      ],
      [
        pod({ os: { name: "linux" }, containers: [{ ...main, securityContext: { windowsOptions: {} } }] }),
        "spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
      ],
      [
        pod({
          os: { name: "windows" },
          hostPID: true,
          hostUsers: true,
          shareProcessNamespace: false,
          securityContext: { runAsUser: 1, fsGroup: 2 },
        }),
        [
          "spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod",
          "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
          "spec.hostUsers: Forbidden: cannot be set for a windows pod",
          "spec.hostPID: Forbidden: cannot be set for a windows pod",
          "spec.shareProcessNamespace: Forbidden: cannot be set for a windows pod",
        ],
      ],
      [
        pod({ os: { name: "windows" }, containers: [{ ...main, securityContext: { privileged: false, capabilities: {} } }] }),
        [
          "spec.containers[0].securityContext.capabilities: Forbidden: cannot be set for a windows pod",
          "spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod",
        ],
      ],
    ],
  },
  {
    source: "validateWindowsSecurityContextOptions",
    cases: [
      ...(
        [
          ["", "runAsUserName cannot be an empty string"],
          ["a\u0001", "runAsUserName cannot contain control characters"],
          ["a\\b\\c", "runAsUserName cannot contain more than one backslash"],
          ["a*b\\u", "runAsUserName's Domain doesn't match the NetBios nor the DNS format"],
          ["dom\\", "runAsUserName's User cannot be empty"],
          ["u".repeat(105), "runAsUserName's User length must not be longer than 104 characters"],
          [". .", "runAsUserName's User cannot contain only periods or spaces"],
          ["a@b", `runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`],
        ] as const
      ).map(
        ([runAsUserName, detail]) =>
          [
            pod({ securityContext: { windowsOptions: { runAsUserName } } }),
            `spec.securityContext.windowsOptions.runAsUserName: Invalid value: ${JSON.stringify(runAsUserName)}: ${detail}`,
          ] as const,
      ),
      [
        pod({ securityContext: { windowsOptions: { gmsaCredentialSpec: "" } } }),
        'spec.securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string',
      ],
      [
        pod({ securityContext: { windowsOptions: { gmsaCredentialSpecName: "-" } } }),
        `spec.securityContext.windowsOptions.gmsaCredentialSpecName: Invalid value: "-": ${subdomain}`,
      ],
    ],
  },
  {
    source: "validateWindowsHostProcessPod",
    cases: [
      [
        pod({ securityContext: { windowsOptions: { hostProcess: true } } }),
        "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
      ],
      [
        pod({
          hostNetwork: true,
          containers: [main, { name: "b", image: "i", securityContext: { windowsOptions: { hostProcess: true } } }],
        }),
        'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers',
      ],
      [
        pod({
          hostNetwork: true,
          securityContext: { windowsOptions: { hostProcess: true } },
          containers: [{ ...main, securityContext: { windowsOptions: { hostProcess: false } } }],
        }),
        "spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true",
      ],
    ],
  },
  {
    source: "ValidatePodSpecificAnnotations",
    cases: [
      [
        pod({}, { name: "web", annotations: { "kubernetes.io/config.mirror": "x" } }),
        'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
      ],
      [
        pod({}, { name: "web", annotations: { "controller.kubernetes.io/pod-deletion-cost": "+1" } }),
        'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit integer',
      ],
      [
        pod({}, { name: "web", annotations: { "seccomp.security.alpha.kubernetes.io/pod": "mine" } }),
        'metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "mine": must be a valid seccomp profile',
      ],
      [
        pod({}, { name: "web", annotations: { "container.seccomp.security.alpha.kubernetes.io/main": "localhost/../x" } }),
        "metadata.annotations.container.seccomp.security.alpha.kubernetes.io/main: Invalid value: \"../x\": must not contain '..'",
      ],
      [
        pod({}, { name: "web", annotations: { "container.apparmor.security.beta.kubernetes.io/other": "runtime/default" } }),
        'metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: "other": container not found',
      ],
      [
        pod({}, { name: "web", annotations: { "container.apparmor.security.beta.kubernetes.io/main": "mine" } }),
        'metadata.annotations[container.apparmor.security.beta.kubernetes.io/main]: Invalid value: "mine": invalid AppArmor profile name: "mine"',
      ],
    ],
  },
  {
    source: "validateSeccompAnnotationsAndFields and validateAppArmorAnnotationsAndFieldsMatchOnCreate",
    cases: [
      [
        pod(
          { securityContext: { seccompProfile: { type: "Unconfined" } } },
          { name: "web", annotations: { "seccomp.security.alpha.kubernetes.io/pod": "runtime/default" } },
        ),
        "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match",
      ],
      [
        pod(
          { containers: [{ ...main, securityContext: { seccompProfile: { type: "Localhost", localhostProfile: "a" } } }] },
          { name: "web", annotations: { "container.seccomp.security.alpha.kubernetes.io/main": "localhost/b" } },
        ),
        "spec.containers[0].securityContext.seccompProfile.localhostProfile: Forbidden: seccomp profile in annotation and field must match",
      ],
      [
        pod(
          { securityContext: { appArmorProfile: { type: "RuntimeDefault" } } },
          { name: "web", annotations: { "container.apparmor.security.beta.kubernetes.io/main": "unconfined" } },
        ),
        "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match",
      ],
    ],
  },
  {
    source: "validateMatchLabelKeysAndMismatchLabelKeys and validateMatchLabelKeysInTopologySpread",
    cases: [
      [
        podTerm({
          labelSelector: { matchLabels: { a: "b" }, matchExpressions: [{ key: "a", operator: "Exists" }] },
          matchLabelKeys: ["a"],
        }),
        'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0][0]: Invalid value: "a": exists in both matchLabelKeys and labelSelector',
      ],
      [
        podTerm({ labelSelector: {}, matchLabelKeys: ["a"], mismatchLabelKeys: ["a"] }),
        'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and mismatchLabelKeys',
      ],
      [
        {
          ...spread({ labelSelector: { matchLabels: { app: "x" } }, matchLabelKeys: ["app"] }),
          metadata: { name: "web", labels: { app: "x" } },
        },
        'spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: "app": exists in both matchLabelKeys and labelSelector',
      ],
    ],
  },
  {
    source: "ValidateObjectMeta in apimachinery/pkg/api/validation/objectmeta.go, with ValidatePodName",
    cases: [[pod({}, { name: "A" }), `metadata.name: Invalid value: "A": ${subdomain}`]],
  },
];
