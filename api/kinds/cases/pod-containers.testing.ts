import type { RuleCases } from "../rules.testing.ts";
import {
  at,
  claiming,
  container,
  device,
  ephemeral,
  http,
  init,
  label,
  main,
  mounted,
  onCreate,
  pod,
} from "./pod-builders.testing.ts";

export const refusedContainers: RuleCases["refused"] = [
  {
    source: "validateContainers, validateInitContainers and validateContainerCommon",
    cases: [
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
    ],
  },
  {
    source: "validateContainerPorts, checkHostPortConflicts and validatePodHostNetworkDeps",
    cases: [
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
    ],
  },
  {
    source: "ValidateEnv and ValidateEnvFrom",
    cases: [
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
    ],
  },
  {
    source: "ValidateContainerResourceRequirements",
    cases: [
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
    ],
  },
  {
    source: "validateProbe and validateHandler",
    cases: [
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
    ],
  },
  {
    source: "ValidateVolumeMounts",
    cases: [
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
    ],
  },
  {
    source: "ValidateSecurityContext",
    cases: [
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
    ],
  },
  {
    source: "ValidateVolumeDevices",
    cases: [
      [device({ name: "" }), [`${at}.volumeDevices[0].name: Required value`, `${at}.volumeDevices[0].name: Not found: ""`]],
      [device({ devicePath: "" }), `${at}.volumeDevices[0].devicePath: Required value`],
      [
        device({ devicePath: "/dev/../x" }),
        `${at}.volumeDevices[0].devicePath: Invalid value: "/dev/../x": can not contain backsteps ('..')`,
      ],
      [
        device({}, { emptyDir: {} }),
        `${at}.volumeDevices[0].name: Invalid value: "block": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode`,
      ],
      [
        device({}, undefined, [{ name: "block", devicePath: "/dev/a" }]),
        [
          `${at}.volumeDevices[1].name: Invalid value: "block": must be unique`,
          `${at}.volumeDevices[1].devicePath: Invalid value: "/dev/a": must be unique`,
        ],
      ],
      [
        device({}, undefined, [], [{ name: "block", mountPath: "/dev/a" }]),
        [
          `${at}.volumeMounts[0].name: Invalid value: "block": must not already exist in volumeDevices`,
          `${at}.volumeMounts[0].mountPath: Invalid value: "/dev/a": must not already exist as a path in volumeDevices`,
          `${at}.volumeDevices[0].name: Invalid value: "block": must not already exist in volumeMounts`,
          `${at}.volumeDevices[0].devicePath: Invalid value: "/dev/a": must not already exist as a path in volumeMounts`,
        ],
      ],
    ],
  },
  {
    source: "validateEphemeralContainers",
    cases: [
      [ephemeral({ name: "main" }), ['spec.ephemeralContainers[0].name: Duplicate value: "main"', onCreate]],
      [
        ephemeral({ targetContainerName: "none" }),
        ['spec.ephemeralContainers[0].targetContainerName: Not found: "none"', onCreate],
      ],
      [
        ephemeral({ image: " i" }),
        ['spec.ephemeralContainers[0].image: Invalid value: " i": must not have leading or trailing whitespace', onCreate],
      ],
      [
        ephemeral({ ports: [{ containerPort: 1 }], livenessProbe: { tcpSocket: { port: 1 } } }),
        [
          "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
          "spec.ephemeralContainers[0].livenessProbe: Forbidden: cannot be set for an Ephemeral Container",
          onCreate,
        ],
      ],
      [
        pod({
          volumes: [{ name: "v", emptyDir: {} }],
          ephemeralContainers: [{ name: "e", image: "i", volumeMounts: [{ name: "v", mountPath: "/v", subPath: "a" }] }],
        }),
        ["spec.ephemeralContainers[0].volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral Container", onCreate],
      ],
    ],
  },
  {
    source: "validateResourceQuantityHugePageValue and ValidateResourceQuantityValue",
    cases: [
      [
        container({ resources: { limits: { "hugepages-2Mi": "3Mi", cpu: "1" } } }),
        [
          `${at}.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`,
          `${at}.resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`,
        ],
      ],
    ],
  },
  {
    source: "validateResourceClaimNames",
    cases: [
      [claiming({ name: "" }), `${at}.resources.claims[0]: Required value`],
      [claiming({ name: "a" }, { name: "a" }), `${at}.resources.claims[1]: Duplicate value: "a"`],
      [claiming({ name: "a", request: "r" }, { name: "a", request: "r" }), `${at}.resources.claims[1]: Duplicate value: "a/r"`],
      [claiming({ name: "a", request: "r" }, { name: "a" }), `${at}.resources.claims[1]: Duplicate value: "a"`],
      [claiming({ name: "a", request: "R" }), label(`${at}.resources.claims[0].request: Invalid value: "R"`)],
      [
        claiming({ name: "b" }),
        `${at}.resources.claims[0]: Not found: "b": must be one of the names in pod.spec.resourceClaims: a`,
      ],
    ],
  },
  {
    source: "ValidateAppArmorProfileField",
    cases: [
      [
        container({ securityContext: { appArmorProfile: { type: "" } } }),
        `${at}.securityContext.appArmorProfile.type: Required value: type is required when appArmorProfile is set`,
      ],
      [
        container({ securityContext: { appArmorProfile: { type: "Unconfined", localhostProfile: "a" } } }),
        `${at}.securityContext.appArmorProfile.localhostProfile: Invalid value: "a": can only be set when AppArmor type is Localhost`,
      ],
      [
        container({ securityContext: { appArmorProfile: { type: "Localhost", localhostProfile: "a".repeat(4096) } } }),
        `${at}.securityContext.appArmorProfile.localhostProfile: Too long: may not be more than 4095 bytes`,
      ],
    ],
  },
];
