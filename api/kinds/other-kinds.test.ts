import { describe, expect, test } from "vitest";
import type { ResourceDefinition } from "../definition.ts";
import type {
  ConfigMap,
  Deployment,
  Event,
  Namespace,
  Node,
  ReplicaSet,
  Secret,
  Service,
  ServiceSpec,
} from "../generated/types.ts";
import type { KubeObject } from "../object.ts";
import { configMapDefinition } from "./config-map.ts";
import { deploymentDefinition } from "./deployment.ts";
import { eventDefinition } from "./event.ts";
import { leaseDefinition } from "./lease.ts";
import { namespaceDefinition } from "./namespace.ts";
import { nodeDefinition } from "./node.ts";
import { replicaSetDefinition } from "./replica-set.ts";
import { refusals, updateRefusals } from "./rules.testing.ts";
import { secretDefinition } from "./secret.ts";
import { serviceAccountDefinition } from "./service-account.ts";
import { serviceDefinition } from "./service.ts";

const metadata = { name: "a" };
const key =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const configKey =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const percent =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
const ip = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

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
const service = (spec: ServiceSpec): Service => ({ metadata, spec: { ports: [{ port: 80 }], ...spec }, status: {} });
const event = (part: object): Event => ({
  metadata: { name: "e", namespace: "team" },
  involvedObject: { namespace: "team" },
  ...part,
});
const modern = {
  eventTime: "2026-01-01T00:00:00.000000Z",
  reportingComponent: "c",
  reportingInstance: "i",
  action: "a",
  reason: "r",
};
const node = (spec: Node["spec"], status: Node["status"] = {}): Node => ({ metadata, spec: spec ?? {}, status });
const secret = (type: string, data: Record<string, string> = {}): Secret => ({ metadata, type, data });
const large = "x".repeat(1024 * 1024 + 1);

type Case = readonly [kind: string, definition: unknown, object: unknown, expected?: string | string[]];

describe("is accepted", () => {
  test.each<Case>([
    ["a ConfigMap", configMapDefinition, { metadata, data: { "a.b_C-1": "x" }, binaryData: { b: "AA==" } }],
    ["a Secret", secretDefinition, { metadata, stringData: { a: "b" } }],
    ["a Secret of TLS", secretDefinition, secret("kubernetes.io/tls", { "tls.crt": "", "tls.key": "" })],
    ["a ServiceAccount", serviceAccountDefinition, { metadata }],
    ["a Namespace", namespaceDefinition, { metadata, spec: { finalizers: ["example.com/mine"] } }],
    ["a Node", nodeDefinition, node({ podCIDRs: ["10.0.0.0/24", "fd00::/64"], taints: [{ key: "a", effect: "NoSchedule" }] })],
    ["a Lease", leaseDefinition, { metadata, spec: { leaseDurationSeconds: 15, leaseTransitions: 0 } }],
    ["an Event of the old form", eventDefinition, event({})],
    ["an Event of the new form", eventDefinition, event(modern)],
    ["an Event of a node", eventDefinition, { metadata: { namespace: "default" }, involvedObject: { kind: "Node" } }],
    ["a Deployment", deploymentDefinition, workload()],
    ["a Deployment that recreates", deploymentDefinition, workload({ strategy: { type: "Recreate" } })],
    ["a ReplicaSet", replicaSetDefinition, workload()],
    ["a Service", serviceDefinition, service({ selector: { app: "a" } })],
    ["a headless Service without ports", serviceDefinition, service({ clusterIP: "None", ports: [] })],
    [
      "a Service of another name",
      serviceDefinition,
      service({ type: "ExternalName", externalName: "db.example.com.", ports: [] }),
    ],
    ["a Service for the outside", serviceDefinition, service({ type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.0/8"] })],
  ])("%s", (_what, definition, object) => {
    expect(refusals(definition as ResourceDefinition, object as KubeObject)).toEqual([]);
  });
});

describe("is refused", () => {
  test.each<Case>([
    ["a ConfigMap", configMapDefinition, { metadata, data: { "a b": "" } }, `data[a b]: Invalid value: "a b": ${configKey}`],
    ["a ConfigMap", configMapDefinition, { metadata, data: { "..": "" } }, `data[..]: Invalid value: "..": must not be '..'`],
    [
      "a ConfigMap",
      configMapDefinition,
      { metadata, data: { a: "" }, binaryData: { a: "" } },
      'data[a]: Invalid value: "a": duplicate of key present in binaryData',
    ],
    [
      "a ConfigMap",
      configMapDefinition,
      { metadata, binaryData: { "/": "" } },
      `binaryData[/]: Invalid value: "/": ${configKey}`,
    ],
    ["a ConfigMap", configMapDefinition, { metadata, data: { a: large } }, ": Too long: may not be more than 1048576 bytes"],
    ["a Secret", secretDefinition, { metadata, data: { "a b": "" } }, `data[a b]: Invalid value: "a b": ${configKey}`],
    ["a Secret", secretDefinition, { metadata, stringData: { a: large } }, "data: Too long: may not be more than 1048576 bytes"],
    [
      "a Secret",
      secretDefinition,
      secret("kubernetes.io/tls"),
      ["data[tls.crt]: Required value", "data[tls.key]: Required value"],
    ],
    [
      "a Secret",
      secretDefinition,
      secret("kubernetes.io/ssh-auth", { "ssh-privatekey": "" }),
      "data[ssh-privatekey]: Required value",
    ],
    ["a Secret", secretDefinition, secret("kubernetes.io/dockerconfigjson"), "data[.dockerconfigjson]: Required value"],
    [
      "a Secret",
      secretDefinition,
      secret("kubernetes.io/dockercfg", { ".dockercfg": "bm8=" }),
      'data[.dockercfg]: Invalid value: "<secret contents redacted>": invalid character found where JSON was expected',
    ],
    [
      "a Secret",
      secretDefinition,
      secret("kubernetes.io/basic-auth"),
      ["data[username]: Required value", "data[password]: Required value"],
    ],
    [
      "a Secret",
      secretDefinition,
      secret("kubernetes.io/service-account-token"),
      "metadata.annotations[kubernetes.io/service-account.name]: Required value",
    ],
    [
      "a Namespace",
      namespaceDefinition,
      { metadata, spec: { finalizers: ["mine"] } },
      'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
    [
      "a Node",
      nodeDefinition,
      node({ taints: [{ key: "a b", effect: "NoSchedule" }] }),
      `metadata.taints[0].key: Invalid value: "a b": name part ${key}`,
    ],
    ["a Node", nodeDefinition, node({ taints: [{ key: "a", effect: "" }] }), "metadata.taints[0].effect: Required value"],
    [
      "a Node",
      nodeDefinition,
      node({ taints: [{ key: "a", effect: "Never" }] }),
      'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
    [
      "a Node",
      nodeDefinition,
      node({ taints: [1, 2].map(() => ({ key: "a", effect: "NoExecute" })) }),
      'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoExecute"}: taints must be unique by key and effect pair',
    ],
    [
      "a Node",
      nodeDefinition,
      node({ podCIDRs: ["10.0.0.0"] }),
      'spec.podCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [
      "a Node",
      nodeDefinition,
      node({ podCIDRs: ["10.0.0.0/24", "10.0.1.0/24"] }),
      'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family',
    ],
    [
      "a Lease",
      leaseDefinition,
      { metadata, spec: { leaseDurationSeconds: 0 } },
      "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
    ],
    [
      "a Lease",
      leaseDefinition,
      { metadata, spec: { leaseTransitions: -1 } },
      "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
    ],
    [
      "a Lease",
      leaseDefinition,
      { metadata, spec: { preferredHolder: "b" } },
      "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined",
    ],
    [
      "a Lease",
      leaseDefinition,
      { metadata, spec: { strategy: "Mine" } },
      'spec.strategy.strategy: Unsupported value: "Mine": supported values: "OldestEmulationVersion"',
    ],
    [
      "an Event",
      eventDefinition,
      event({ involvedObject: { namespace: "other" } }),
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    ],
    [
      "an Event",
      eventDefinition,
      event({ involvedObject: {} }),
      'involvedObject.namespace: Invalid value: "": does not match event.namespace',
    ],
    [
      "an Event",
      eventDefinition,
      event({ ...modern, action: "", reason: "" }),
      ["action: Required value", "reason: Required value"],
    ],
    [
      "an Event",
      eventDefinition,
      event({ ...modern, message: "x".repeat(1025) }),
      'message: Invalid value: "": can have at most 1024 characters',
    ],
    [
      "an Event",
      eventDefinition,
      event({ ...modern, reportingComponent: "a b" }),
      `reportingController: Invalid value: "a b": name part ${key}`,
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ replicas: -1 }),
      "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ selector: undefined }),
      [
        "spec.selector: Required value",
        'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ selector: {} }),
      "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ selector: { matchLabels: { app: "b" } } }),
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ selector: { matchExpressions: [{ key: "app", operator: "Is" }] } }),
      'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({}, { spec: { containers: [] } }),
      "spec.template.spec.containers: Required value",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({}, { spec: { containers: [{ name: "c", image: "i" }], restartPolicy: "Never" } }),
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({}, { spec: { containers: [{ name: "c", image: "i" }], activeDeadlineSeconds: 1 } }),
      "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ strategy: { type: "Swap" } }),
      'spec.strategy.type: Unsupported value: "Swap": supported values: "Recreate", "RollingUpdate"',
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ strategy: { type: "Recreate", rollingUpdate: {} } }),
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      rolling({ maxSurge: "some" }),
      `spec.strategy.rollingUpdate.maxSurge: Invalid value: "some": ${percent}`,
    ],
    [
      "a Deployment",
      deploymentDefinition,
      rolling({ maxSurge: -1 }),
      "spec.strategy.rollingUpdate.maxSurge: Invalid value: -1: must be greater than or equal to 0",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      rolling({ maxUnavailable: "101%" }),
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    ],
    [
      "a Deployment",
      deploymentDefinition,
      rolling({ maxUnavailable: 0, maxSurge: "0%" }),
      "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ minReadySeconds: -1 }),
      "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ revisionHistoryLimit: -1 }),
      "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
    ],
    [
      "a Deployment",
      deploymentDefinition,
      workload({ progressDeadlineSeconds: 5, minReadySeconds: 5 }),
      "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds",
    ],
    [
      "a ReplicaSet",
      replicaSetDefinition,
      workload({ replicas: -1 }),
      "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    ],
    [
      "a ReplicaSet",
      replicaSetDefinition,
      workload({ minReadySeconds: -1 }),
      "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
    ],
    [
      "a ReplicaSet",
      replicaSetDefinition,
      workload({ selector: { matchLabels: { app: "b" } } }),
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ],
    [
      "a ReplicaSet",
      replicaSetDefinition,
      workload({}, { metadata: { labels: { app: "a", x: "b c" } } }),
      `spec.template.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    ],
    ["a Service", serviceDefinition, service({ ports: [] }), "spec.ports: Required value"],
    [
      "a Service",
      serviceDefinition,
      service({ type: "Ingress" }),
      'spec.type: Unsupported value: "Ingress": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      "a Service",
      serviceDefinition,
      service({ ports: [{ port: 0 }] }),
      [
        "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
      ],
    ],
    [
      "a Service",
      serviceDefinition,
      service({ ports: [{ port: 1 }, { port: 2 }] }),
      ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
    ],
    [
      "a Service",
      serviceDefinition,
      service({
        ports: [
          { name: "a", port: 1 },
          { name: "a", port: 2 },
        ],
      }),
      'spec.ports[1].name: Duplicate value: "a"',
    ],
    [
      "a Service",
      serviceDefinition,
      service({
        ports: [
          { name: "a", port: 1 },
          { name: "b", port: 1 },
        ],
      }),
      'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":1}',
    ],
    [
      "a Service",
      serviceDefinition,
      service({ ports: [{ port: 1, protocol: "ICMP" }] }),
      'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      "a Service",
      serviceDefinition,
      service({ ports: [{ port: 1, nodePort: 30000 }] }),
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    ["a Service", serviceDefinition, service({ type: "ExternalName", ports: [] }), "spec.externalName: Required value"],
    [
      "a Service",
      serviceDefinition,
      service({ type: "NodePort", clusterIP: "None" }),
      `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
    ],
    [
      "a Service",
      serviceDefinition,
      service({ sessionAffinity: "Cookie" }),
      'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
    ],
    [
      "a Service",
      serviceDefinition,
      service({ sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } }),
      "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400",
    ],
    ["a Service", serviceDefinition, service({ externalIPs: ["x"] }), `spec.externalIPs[0]: Invalid value: "x": ${ip}`],
    [
      "a Service",
      serviceDefinition,
      service({ externalIPs: ["127.0.0.1"] }),
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      "a Service",
      serviceDefinition,
      service({ ipFamilies: ["IPv5"] }),
      'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
    ],
    [
      "a Service",
      serviceDefinition,
      service({ externalTrafficPolicy: "Local" }),
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      "a Service",
      serviceDefinition,
      service({ loadBalancerSourceRanges: ["10.0.0.0/8"] }),
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
  ])("%s: %#", (_what, definition, object, expected) => {
    expect(refusals(definition as ResourceDefinition, object as KubeObject)).toEqual([expected].flat());
  });
});

describe("gets its defaults", () => {
  test("a Deployment", () => {
    const { spec } = deploymentDefinition.withDefaults?.(workload()) ?? {};
    expect(spec).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
      template: { spec: { restartPolicy: "Always", dnsPolicy: "ClusterFirst", terminationGracePeriodSeconds: 30 } },
    });
    // Only pods themselves are told about service links, or get the host's ports.
    expect(spec?.template.spec).not.toHaveProperty("enableServiceLinks");
  });

  test("a Deployment that recreates, without figures for rolling", () => {
    const whole = deploymentDefinition.withDefaults?.(workload({ strategy: { type: "Recreate" } }));
    expect(whole?.spec?.strategy).toEqual({ type: "Recreate" });
  });

  test("a ReplicaSet", () => {
    expect(replicaSetDefinition.withDefaults?.(workload() as ReplicaSet).spec?.replicas).toBe(1);
  });

  test("a Secret, with its plain texts encoded", () => {
    const given: Secret = { metadata, data: { a: "AA==", b: "AA==" }, stringData: { b: "text" } };
    expect(secretDefinition.withDefaults?.(given)).toEqual({
      metadata,
      type: "Opaque",
      data: { a: "AA==", b: Buffer.from("text").toString("base64") },
    });
  });

  test.each<[ServiceSpec, ServiceSpec]>([
    [{}, { type: "ClusterIP", sessionAffinity: "None", internalTrafficPolicy: "Cluster" }],
    [
      { type: "NodePort" },
      { type: "NodePort", sessionAffinity: "None", internalTrafficPolicy: "Cluster", externalTrafficPolicy: "Cluster" },
    ],
    [
      { type: "LoadBalancer" },
      {
        type: "LoadBalancer",
        sessionAffinity: "None",
        internalTrafficPolicy: "Cluster",
        externalTrafficPolicy: "Cluster",
        allocateLoadBalancerNodePorts: true,
      },
    ],
    [{ type: "ExternalName" }, { type: "ExternalName", sessionAffinity: "None" }],
    [
      { clusterIP: "None" },
      { clusterIP: "None", clusterIPs: ["None"], type: "ClusterIP", sessionAffinity: "None", internalTrafficPolicy: "Cluster" },
    ],
    [
      { sessionAffinity: "ClientIP" },
      {
        type: "ClusterIP",
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
        internalTrafficPolicy: "Cluster",
      },
    ],
  ])("a Service %j", (spec, expected) => {
    expect(serviceDefinition.withDefaults?.({ metadata, spec }).spec).toEqual(expected);
  });

  test("a port of a Service", () => {
    const { spec } =
      serviceDefinition.withDefaults?.({ metadata, spec: { ports: [{ port: 80 }, { port: 1, targetPort: "http" }] } }) ?? {};
    expect(spec?.ports).toEqual([
      { port: 80, protocol: "TCP", targetPort: 80 },
      { port: 1, protocol: "TCP", targetPort: "http" },
    ]);
  });

  test("a Namespace, in a label of its name and a phase", () => {
    const whole = namespaceDefinition.withDefaults?.({ metadata });
    expect(whole?.metadata.labels).toEqual({ "kubernetes.io/metadata.name": "a" });
    expect(whole && namespaceDefinition.prepareForCreate?.(whole)).toMatchObject({
      spec: { finalizers: ["kubernetes"] },
      status: { phase: "Active" },
    });
  });

  test("a Node, whose capacity is all to be had", () => {
    const { status } = nodeDefinition.withDefaults?.(node({}, { capacity: { cpu: "2" } })) ?? {};
    expect(status?.allocatable).toEqual({ cpu: "2" });
  });
});

describe("an update is refused", () => {
  const fixed = "field is immutable when `immutable` is set";
  test.each<[string, unknown, KubeObject, KubeObject, string[], string?]>([
    [
      "of a selector",
      deploymentDefinition,
      workload(),
      workload({ selector: { matchLabels: { app: "b" } } }),
      ['spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable'],
    ],
    [
      "of a ReplicaSet's selector",
      replicaSetDefinition,
      workload(),
      workload({ selector: { matchLabels: { app: "b" } } }),
      ['spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable'],
    ],
    [
      "of an immutable ConfigMap's data",
      configMapDefinition,
      { metadata, immutable: true, data: { a: "1" } } as ConfigMap,
      { metadata, immutable: true, data: { a: "2" } } as ConfigMap,
      [`data: Forbidden: ${fixed}`],
    ],
    [
      "of an immutable ConfigMap's bytes and mark",
      configMapDefinition,
      { metadata, immutable: true } as ConfigMap,
      { metadata, binaryData: { a: "" } } as ConfigMap,
      [`immutable: Forbidden: ${fixed}`, `binaryData: Forbidden: ${fixed}`],
    ],
    [
      "of an immutable Secret",
      secretDefinition,
      { metadata, immutable: true } as Secret,
      { metadata, data: { a: "" } } as Secret,
      [`immutable: Forbidden: ${fixed}`, `data: Forbidden: ${fixed}`],
    ],
    [
      "of a Secret's type",
      secretDefinition,
      secret("Opaque"),
      secret("mine"),
      ['type: Invalid value: "mine": field is immutable'],
    ],
    [
      "of a Node's range",
      nodeDefinition,
      node({ podCIDRs: ["10.0.0.0/24"] }),
      node({ podCIDRs: ["10.0.1.0/24"] }),
      ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
    ],
    [
      "of a Node's provider",
      nodeDefinition,
      node({ providerID: "a" }),
      node({ providerID: "b" }),
      ['spec.providerID: Forbidden: node updates may not change providerID except from "" to valid'],
    ],
    [
      "of a Node's status with less than nothing",
      nodeDefinition,
      node({}),
      node({}, { capacity: { cpu: "-1" }, allocatable: {} }),
      ['status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0'],
      "status",
    ],
    [
      "of a Node's status with an address twice",
      nodeDefinition,
      node({}),
      node({}, { addresses: [1, 2].map(() => ({ type: "InternalIP", address: "1.1.1.1" })) }),
      ['status.addresses[1]: Duplicate value: {"type":"InternalIP","address":"1.1.1.1"}'],
      "status",
    ],
    [
      "of a living Namespace's phase",
      namespaceDefinition,
      { metadata },
      { metadata, status: { phase: "Terminating" } } as Namespace,
      ["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"],
      "status",
    ],
    [
      "of what holds a Namespace",
      namespaceDefinition,
      { metadata },
      { metadata, spec: { finalizers: ["mine"] } } as Namespace,
      ['spec.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'],
      "finalize",
    ],
  ])("%s", (_what, definition, old, next, expected, subresource) => {
    expect(updateRefusals(definition as ResourceDefinition, next, old, subresource)).toEqual(expected);
    expect(updateRefusals(definition as ResourceDefinition, old, old)).toEqual([]);
  });
});
