import type { Deployment } from "../../generated/types.ts";
import { deploymentDefinition } from "../deployment.ts";
import { replicaSetDefinition } from "../replica-set.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const metadata = { name: "a" };
const percent =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
const workload = (spec: object = {}, template: object = {}): Deployment => ({
  metadata,
  spec: {
    selector: { matchLabels: { app: "a" } },
    template: {
      metadata: { labels: { app: "a" } },
      spec: { containers: [{ name: "c", image: "i" }] },
      ...template,
    },
    ...spec,
  },
});
const rolling = (rollingUpdate: object): Deployment => workload({ strategy: { type: "RollingUpdate", rollingUpdate } });
const withStatus = (status: object, spec?: object): Deployment => ({ ...workload(spec), status });
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const deploymentCases: RuleCases = casesOf(deploymentDefinition, {
  accepted: [
    {
      source: "TestValidateDeployment",
      cases: [
        ["a Deployment", workload()],
        ["a Deployment that recreates", workload({ strategy: { type: "Recreate" } })],
      ],
    },
  ],
  refused: [
    {
      source: "ValidateDeploymentSpec in pkg/apis/apps/validation/validation.go",
      cases: [
        [workload({ replicas: -1 }), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        [
          workload({ selector: undefined }),
          [
            "spec.selector: Required value",
            'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
          ],
        ],
        [workload({ selector: {} }), "spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        [
          workload({ selector: { matchLabels: { app: "b" } } }),
          'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
        ],
        [
          workload({ selector: { matchExpressions: [{ key: "app", operator: "Is" }] } }),
          [
            'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
            'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Is"}]}: invalid label selector',
          ],
        ],
        [workload({}, { spec: { containers: [] } }), "spec.template.spec.containers: Required value"],
        [
          workload({}, { spec: { containers: [{ name: "c", image: "i" }], restartPolicy: "Never" } }),
          'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        ],
        [
          workload({}, { spec: { containers: [{ name: "c", image: "i" }], activeDeadlineSeconds: 1 } }),
          "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
        ],
        [
          workload({ strategy: { type: "Swap" } }),
          'spec.strategy.type: Unsupported value: "Swap": supported values: "Recreate", "RollingUpdate"',
        ],
        [
          workload({ strategy: { type: "Recreate", rollingUpdate: {} } }),
          "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ],
        [rolling({ maxSurge: "some" }), `spec.strategy.rollingUpdate.maxSurge: Invalid value: "some": ${percent}`],
        [
          rolling({ maxSurge: -1 }),
          "spec.strategy.rollingUpdate.maxSurge: Invalid value: -1: must be greater than or equal to 0",
        ],
        [
          rolling({ maxUnavailable: "101%" }),
          'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
        ],
        [
          rolling({ maxUnavailable: 0, maxSurge: "0%" }),
          "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
        ],
        [workload({ minReadySeconds: -1 }), "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"],
        [
          workload({ revisionHistoryLimit: -1 }),
          "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
        ],
        [
          workload({ progressDeadlineSeconds: 5, minReadySeconds: 5 }),
          "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds",
        ],
        [
          workload(
            {},
            { metadata: { labels: { app: "a" }, annotations: { "controller.kubernetes.io/pod-deletion-cost": "x" } } },
          ),
          'spec.template.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "x": must be a 32bit integer',
        ],
        [
          workload({}, { spec: { containers: [{ name: "c", image: "i" }], ephemeralContainers: [{ name: "e", image: "i" }] } }),
          "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template",
        ],
        [
          workload({ selector: { matchExpressions: [{ key: "app", operator: "In" }] } }),
          [
            "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
            'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"In"}]}: invalid label selector',
          ],
        ],
        [
          rolling({ maxUnavailable: -1, maxSurge: 1 }),
          "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0",
        ],
        [
          workload({ progressDeadlineSeconds: -1 }),
          [
            "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than minReadySeconds",
          ],
        ],
        [{ ...workload(), metadata: { name: "A" } }, `metadata.name: Invalid value: "A": ${subdomain}`],
      ],
    },
  ],
  defaulted: [
    {
      source: "SetDefaults_Deployment in pkg/apis/apps/v1/defaults.go",
      cases: [
        [
          "with nothing",
          workload(),
          {
            spec: {
              replicas: 1,
              revisionHistoryLimit: 10,
              progressDeadlineSeconds: 600,
              strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
              template: { spec: { restartPolicy: "Always", dnsPolicy: "ClusterFirst", terminationGracePeriodSeconds: 30 } },
            },
          },
        ],
        ["that recreates", workload({ strategy: { type: "Recreate" } }), { spec: { strategy: { type: "Recreate" } } }],
        [
          "with one figure for rolling",
          rolling({ maxSurge: 1 }),
          { spec: { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: "25%" } } } },
        ],
      ],
    },
    {
      source: "PrepareForCreate in pkg/registry/apps/deployment/strategy.go",
      cases: [["with a status it made up", withStatus({ replicas: 3 }), { status: {} }]],
    },
  ],
  updated: [
    {
      source: "ValidateDeploymentUpdate",
      cases: [
        {
          what: "of a selector",
          old: workload(),
          next: workload({ selector: { matchLabels: { app: "b" } } }),
          refused: [
            'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
            'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
          ],
        },
      ],
    },
    {
      source: "PrepareForUpdate in pkg/registry/apps/deployment/strategy.go",
      cases: [
        {
          what: "counts a change of its annotations as a generation",
          old: { ...workload(), metadata: { name: "a", generation: 2 } },
          next: { ...workload(), metadata: { name: "a", generation: 2, annotations: { a: "b" } } },
          stored: { metadata: { generation: 3 } },
        },
        { what: "may change its template", old: workload(), next: workload({}, { metadata: { labels: { app: "a", b: "c" } } }) },
      ],
    },
    {
      source: "ValidateDeploymentStatusUpdate",
      cases: [
        {
          what: "of the status may not have more updatedReplicas than all",
          old: withStatus({}),
          next: withStatus({ replicas: 1, readyReplicas: 1, updatedReplicas: 2 }),
          refused: "status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas",
          subresource: "status",
        },
        {
          what: "of the status may not have more readyReplicas than all",
          old: withStatus({}),
          next: withStatus({ replicas: 1, readyReplicas: 2 }),
          refused: "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
          subresource: "status",
        },
        {
          what: "of the status may not have more availableReplicas than all",
          old: withStatus({}),
          next: withStatus({ replicas: 1, readyReplicas: 1, availableReplicas: 2 }),
          refused: [
            "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
          ],
          subresource: "status",
        },
        {
          what: "of the status may not have less than no unavailableReplicas",
          old: withStatus({}),
          next: withStatus({ unavailableReplicas: -1 }),
          refused: "status.unavailableReplicas: Invalid value: -1: must be greater than or equal to 0",
          subresource: "status",
        },
        {
          what: "of the status may not have less than no terminatingReplicas",
          old: withStatus({}),
          next: withStatus({ terminatingReplicas: -1 }),
          refused: "status.terminatingReplicas: Invalid value: -1: must be greater than or equal to 0",
          subresource: "status",
        },
        {
          what: "of the status may not have less than no observedGeneration",
          old: withStatus({}),
          next: withStatus({ observedGeneration: -1 }),
          refused: "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
          subresource: "status",
        },
        {
          what: "of the status may not have less than no collisionCount",
          old: withStatus({}),
          next: withStatus({ collisionCount: -1 }),
          refused: "status.collisionCount: Invalid value: -1: must be greater than or equal to 0",
          subresource: "status",
        },
      ],
    },
    {
      source: "ValidateDeploymentStatusUpdate: IsDecremented",
      cases: [
        {
          what: "of the status may not forget a collision",
          old: withStatus({ collisionCount: 2 }),
          next: withStatus({ collisionCount: 1 }),
          refused: "status.collisionCount: Invalid value: 1: cannot be decremented",
          subresource: "status",
        },
      ],
    },
  ],
});

export const replicaSetCases: RuleCases = casesOf(replicaSetDefinition, {
  accepted: [{ source: "TestValidateReplicaSet", cases: [["a ReplicaSet", workload()]] }],
  refused: [
    {
      source: "ValidateReplicaSetSpec in pkg/apis/apps/validation/validation.go",
      cases: [
        [workload({ replicas: -1 }), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        [workload({ minReadySeconds: -1 }), "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"],
        [
          workload({ selector: { matchLabels: { app: "b" } } }),
          'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
        ],
        [
          workload({}, { metadata: { labels: { app: "a", x: "b c" } } }),
          `spec.template.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
        ],
        [{ ...workload(), metadata: { name: "A" } }, `metadata.name: Invalid value: "A": ${subdomain}`],
        [workload({ selector: {} }), "spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
      ],
    },
  ],
  defaulted: [
    {
      source:
        "SetDefaults_ReplicaSet in pkg/apis/apps/v1/defaults.go and PrepareForCreate in pkg/registry/apps/replicaset/strategy.go",
      cases: [
        ["with nothing", workload(), { spec: { replicas: 1 }, status: { replicas: 0 } }],
        ["that wants none", workload({ replicas: 0 }), { spec: { replicas: 0 } }],
      ],
    },
  ],
  updated: [
    {
      source: "ValidateReplicaSetUpdate",
      cases: [
        {
          what: "of a ReplicaSet's selector",
          old: workload(),
          next: workload({ selector: { matchLabels: { app: "b" } } }),
          refused: [
            'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
            'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
          ],
        },
      ],
    },
    {
      source: "ValidateReplicaSetStatusUpdate",
      cases: [
        {
          what: "of the status may not have more fullyLabeledReplicas than all",
          old: withStatus({}),
          next: withStatus({ replicas: 1, readyReplicas: 1, fullyLabeledReplicas: 2 }),
          refused: "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas",
          subresource: "status",
        },
        {
          what: "of the status may not have more readyReplicas than all",
          old: withStatus({}),
          next: withStatus({ replicas: 1, readyReplicas: 2 }),
          refused: "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
          subresource: "status",
        },
        {
          what: "of the status may not have more availableReplicas than all",
          old: withStatus({}),
          next: withStatus({ replicas: 1, readyReplicas: 1, availableReplicas: 2 }),
          refused: [
            "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
          ],
          subresource: "status",
        },
        {
          what: "of the status may not have less than no terminatingReplicas",
          old: withStatus({}),
          next: withStatus({ terminatingReplicas: -1 }),
          refused: "status.terminatingReplicas: Invalid value: -1: must be greater than or equal to 0",
          subresource: "status",
        },
        {
          what: "of the status may not have less than no observedGeneration",
          old: withStatus({}),
          next: withStatus({ observedGeneration: -1 }),
          refused: "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
          subresource: "status",
        },
      ],
    },
  ],
});
