import type { Service, ServiceSpec } from "../../generated/types.ts";
import { serviceDefinition } from "../service.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const metadata = { name: "a" };
const key =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const ip = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const service = (spec: ServiceSpec): Service => ({ metadata, spec: { ports: [{ port: 80 }], ...spec }, status: {} });
const dual: ServiceSpec = {
  type: "ClusterIP",
  clusterIP: "10.0.0.1",
  clusterIPs: ["10.0.0.1", "fd00::1"],
  ipFamilies: ["IPv4", "IPv6"],
};
const balanced = (spec: ServiceSpec): Service => service({ type: "LoadBalancer", externalTrafficPolicy: "Local", ...spec });
const withIngress = (entry: object): Service => ({ ...balanced({}), status: { loadBalancer: { ingress: [entry] } } });
const ranges = "service.beta.kubernetes.io/load-balancer-source-ranges";
const serviceName =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const serviceCases: RuleCases = casesOf(serviceDefinition, {
  accepted: [
    {
      source: "TestValidateServiceCreate",
      cases: [
        ["a Service", service({ selector: { app: "a" } })],
        ["a headless Service without ports", service({ clusterIP: "None", ports: [] })],
        ["a Service of another name", service({ type: "ExternalName", externalName: "db.example.com.", ports: [] })],
        ["a Service for the outside", service({ type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.0/8"] })],
        [
          "a Service of two families",
          service({
            type: "ClusterIP",
            clusterIP: "10.0.0.1",
            clusterIPs: ["10.0.0.1", "fd00::1"],
            ipFamilies: ["IPv4", "IPv6"],
          }),
        ],
        [
          "a Service with ranges in an annotation",
          { ...service({ type: "LoadBalancer" }), metadata: { name: "a", annotations: { [ranges]: " 10.0.0.0/8, fd00::/8 " } } },
        ],
        ["a Service of a class", service({ type: "LoadBalancer", loadBalancerClass: "example.com/mine" })],
        ["a Service near its clients", service({ trafficDistribution: "PreferSameZone" })],
      ],
    },
  ],
  refused: [
    {
      source: "ValidateService in pkg/apis/core/validation/validation.go",
      cases: [
        [service({ ports: [] }), "spec.ports: Required value"],
        [
          service({ type: "Ingress" }),
          'spec.type: Unsupported value: "Ingress": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
        ],
        [
          service({ ports: [{ port: 0 }] }),
          [
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
          ],
        ],
        [
          service({ ports: [{ port: 1 }, { port: 2 }] }),
          ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
        ],
        [
          service({
            ports: [
              { name: "a", port: 1 },
              { name: "a", port: 2 },
            ],
          }),
          'spec.ports[1].name: Duplicate value: "a"',
        ],
        [
          service({
            ports: [
              { name: "a", port: 1 },
              { name: "b", port: 1 },
            ],
          }),
          'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":1}',
        ],
        [
          service({ ports: [{ port: 1, protocol: "ICMP" }] }),
          'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ],
        [
          service({ ports: [{ port: 1, nodePort: 30000 }] }),
          "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ],
        [service({ type: "ExternalName", ports: [] }), "spec.externalName: Required value"],
        [
          service({ type: "NodePort", clusterIP: "None" }),
          `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
        ],
        [
          service({ sessionAffinity: "Cookie" }),
          'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
        ],
        [
          service({ sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } }),
          "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400",
        ],
        [service({ externalIPs: ["x"] }), `spec.externalIPs[0]: Invalid value: "x": ${ip}`],
        [
          service({ externalIPs: ["127.0.0.1"] }),
          'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        ],
        [service({ ipFamilies: ["IPv5"] }), 'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"'],
        [
          service({ externalTrafficPolicy: "Local" }),
          'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        ],
        [
          service({ loadBalancerSourceRanges: ["10.0.0.0/8"] }),
          "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ],
        [service({ type: "ExternalName", externalName: "A", ports: [] }), `spec.externalName: Invalid value: "A": ${subdomain}`],
        [
          service({
            type: "ExternalName",
            externalName: "a",
            ports: [],
            clusterIP: "10.0.0.1",
            ipFamilies: ["IPv4"],
            ipFamilyPolicy: "SingleStack",
          }),
          [
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
            "spec.ipFamilies: Forbidden: may not be set for ExternalName services",
            "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services",
          ],
        ],
        [
          service({ type: "LoadBalancer", clusterIP: "None" }),
          "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services",
        ],
        [
          service({
            type: "NodePort",
            ports: [
              { name: "a", port: 1, nodePort: 30000 },
              { name: "b", port: 2, nodePort: 30000 },
            ],
          }),
          "spec.ports[1].nodePort: Duplicate value: 30000",
        ],
        [
          service({ ports: [{ port: 1, appProtocol: "a b" }] }),
          `spec.ports[0].appProtocol: Invalid value: "a b": name part ${key}`,
        ],
        [
          service({ ports: [{ port: 1, targetPort: "a_b" }] }),
          'spec.ports[0].targetPort: Invalid value: "a_b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        ],
        [service({ selector: { "a b": "c" } }), `spec.selector: Invalid value: "a b": name part ${key}`],
        [
          service({ allocateLoadBalancerNodePorts: true }),
          "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ],
        [
          service({ loadBalancerClass: "mine" }),
          "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ],
        [
          service({ type: "LoadBalancer", loadBalancerClass: "a b" }),
          `spec.loadBalancerClass: Invalid value: "a b": name part ${key}`,
        ],
        [
          service({ type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.0"] }),
          'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
        ],
        [
          { ...service({}), metadata: { name: "a", annotations: { [ranges]: "10.0.0.0/8" } } },
          `metadata.annotations[${ranges}]: Forbidden: may only be used when \`type\` is 'LoadBalancer'`,
        ],
        [
          service({ type: "NodePort", externalTrafficPolicy: "Here" }),
          'spec.externalTrafficPolicy: Unsupported value: "Here": supported values: "Cluster", "Local"',
        ],
        [
          service({ healthCheckNodePort: 30000 }),
          "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ],
        [
          service({ type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 70000 }),
          "spec.healthCheckNodePort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ],
        [
          service({ internalTrafficPolicy: "Here" }),
          'spec.internalTrafficPolicy: Unsupported value: "Here": supported values: "Cluster", "Local"',
        ],
        [
          service({ trafficDistribution: "Far" }),
          'spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
        ],
        [
          {
            ...service({}),
            metadata: {
              name: "a",
              annotations: {
                "service.kubernetes.io/topology-aware-hints": "auto",
                "service.kubernetes.io/topology-mode": "disabled",
              },
            },
          },
          'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "disabled": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified',
        ],
        [{ ...service({}), metadata: { name: "1a" } }, `metadata.name: Invalid value: "1a": ${serviceName}`],
      ],
    },
    {
      source: "ValidateServiceClusterIPsRelatedFields",
      cases: [
        [
          service({ clusterIPs: ["10.0.0.1"] }),
          'spec.clusterIPs: Invalid value: ["10.0.0.1"]: must be empty when `clusterIP` is not specified',
        ],
        [
          service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.2"] }),
          'spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`',
        ],
        [service({ clusterIP: "x" }), `spec.clusterIPs[0]: Invalid value: "x": ${ip}`],
        [
          service({ clusterIP: "None", clusterIPs: ["None", "10.0.0.1"] }),
          `spec.clusterIPs: Invalid value: ["None","10.0.0.1"]: 'None' must be the first and only value`,
        ],
        [
          service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1", "10.0.0.2"] }),
          'spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family',
        ],
        [
          service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1", "fd00::1", "fd00::2"] }),
          'spec.clusterIPs: Invalid value: ["10.0.0.1","fd00::1","fd00::2"]: may only hold up to 2 values',
        ],
        [
          service({ clusterIP: "10.0.0.1", ipFamilies: ["IPv6"] }),
          'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
        ],
        [
          service({ clusterIP: "fd00::1", ipFamilies: ["IPv4"] }),
          'spec.clusterIPs[0]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[0]`',
        ],
        [service({ ipFamilies: ["IPv4", "IPv4"] }), 'spec.ipFamilies[1]: Duplicate value: "IPv4"'],
        [
          service({ ipFamilyPolicy: "Some" }),
          'spec.ipFamilyPolicy: Unsupported value: "Some": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
        ],
      ],
    },
  ],
  defaulted: [
    {
      source: "SetDefaults_Service in pkg/apis/core/v1/defaults.go",
      cases: [
        [
          "with nothing",
          service({}),
          {
            spec: {
              type: "ClusterIP",
              sessionAffinity: "None",
              internalTrafficPolicy: "Cluster",
              ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
            },
          },
        ],
        [
          "with a port of a name",
          service({ ports: [{ port: 1, targetPort: "http" }] }),
          { spec: { ports: [{ port: 1, protocol: "TCP", targetPort: "http" }] } },
        ],
        [
          "on the nodes' ports",
          service({ type: "NodePort" }),
          { spec: { externalTrafficPolicy: "Cluster", internalTrafficPolicy: "Cluster" } },
        ],
        [
          "for the outside",
          service({ type: "LoadBalancer" }),
          { spec: { externalTrafficPolicy: "Cluster", allocateLoadBalancerNodePorts: true } },
        ],
        ["with addresses of the outside", service({ externalIPs: ["1.2.3.4"] }), { spec: { externalTrafficPolicy: "Cluster" } }],
        [
          "that keeps its clients",
          service({ sessionAffinity: "ClientIP" }),
          { spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } } },
        ],
      ],
    },
    {
      source: "normalizeClusterIPs and PrepareForCreate in pkg/registry/core/service",
      cases: [
        ["with one address", service({ clusterIP: "10.0.0.1" }), { spec: { clusterIPs: ["10.0.0.1"] } }],
        ["without an address", service({ clusterIP: "None" }), { spec: { clusterIPs: ["None"] } }],
        [
          "with a status it made up",
          { ...service({ type: "LoadBalancer" }), status: { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } } },
          { status: { loadBalancer: {} } },
        ],
      ],
    },
  ],
  updated: [
    {
      source: "ValidateServiceUpdate",
      cases: [
        {
          what: "may not change its address",
          old: service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"] }),
          next: service({ clusterIP: "10.0.0.2" }),
          refused: 'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
        },
        {
          what: "may not lose its address",
          old: service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"] }),
          next: service({ clusterIP: "", clusterIPs: [] }),
          refused: "spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset",
        },
        {
          what: "may get a second address",
          old: service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"] }),
          next: service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1", "fd00::1"] }),
        },
        {
          what: "may let the second address go when it says so",
          old: service(dual),
          next: service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"], ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" }),
        },
        {
          what: "may not let the second address go silently",
          old: service(dual),
          next: service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"], ipFamilies: ["IPv4", "IPv6"] }),
          refused: `spec.ipFamilyPolicy: Invalid value: "null": must be set to 'SingleStack' when releasing the secondary clusterIP`,
        },
        {
          what: "may not change its families",
          old: service(dual),
          next: service({ ...dual, ipFamilies: ["IPv6", "IPv4"] }),
          refused: [
            'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
            'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
            'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
            'spec.clusterIPs[1]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[1]`',
          ],
        },
        {
          what: "may not change its class",
          old: service({ type: "LoadBalancer", loadBalancerClass: "a/b" }),
          next: service({ type: "LoadBalancer", loadBalancerClass: "c/d" }),
          refused: 'spec.loadBalancerClass: Invalid value: "c/d": may not change once set',
        },
        {
          what: "may not change the port that says how it is",
          old: balanced({ healthCheckNodePort: 30001 }),
          next: balanced({ healthCheckNodePort: 30002 }),
          refused: "spec.healthCheckNodePort: Forbidden: field is immutable",
        },
      ],
    },
    {
      source: "patchAllocatedValues and dropTypeDependentFields in pkg/registry/core/service/storage/storage.go",
      cases: [
        {
          what: "keeps the address it does not speak of",
          old: service({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"] }),
          next: service({}),
          stored: { spec: { clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"] } },
        },
        {
          what: "keeps the nodes' ports it does not speak of",
          old: service({ type: "NodePort", ports: [{ port: 80, protocol: "TCP", nodePort: 30000 }] }),
          next: service({ type: "NodePort", ports: [{ port: 80, protocol: "TCP", targetPort: 8080 }] }),
          stored: { spec: { ports: [{ port: 80, targetPort: 8080, nodePort: 30000 }] } },
        },
        {
          what: "keeps the port that says how it is",
          old: balanced({ healthCheckNodePort: 30001 }),
          next: balanced({}),
          stored: { spec: { healthCheckNodePort: 30001 } },
        },
        {
          what: "gives its nodes' ports back with its type",
          old: service({
            type: "NodePort",
            externalTrafficPolicy: "Cluster",
            ports: [{ port: 80, protocol: "TCP", nodePort: 30000 }],
          }),
          next: service({
            type: "ClusterIP",
            externalTrafficPolicy: "Cluster",
            ports: [{ port: 80, protocol: "TCP", nodePort: 30000 }],
          }),
          stored: { spec: { type: "ClusterIP", ports: [{ port: 80 }] } },
        },
        {
          what: "gives its address back when it becomes another name",
          old: service({ type: "ClusterIP", clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"] }),
          next: service({ type: "ExternalName", externalName: "a.b", clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"] }),
        },
      ],
    },
    {
      source: "ValidateLoadBalancerStatus",
      cases: [
        {
          what: "of the status may have an address",
          old: balanced({}),
          next: withIngress({ ip: "1.2.3.4" }),
          stored: { status: { loadBalancer: { ingress: [{ ip: "1.2.3.4", ipMode: "VIP" }] } } },
          subresource: "status",
        },
        {
          what: "of the status may not have what is no address",
          old: balanced({}),
          next: withIngress({ ip: "x" }),
          refused: `status.loadBalancer.ingress[0].ip: Invalid value: "x": ${ip}`,
          subresource: "status",
        },
        {
          what: "of the status may not have another sort of address",
          old: balanced({}),
          next: withIngress({ ip: "1.2.3.4", ipMode: "Some" }),
          refused: 'status.loadBalancer.ingress[0].ipMode: Unsupported value: "Some": supported values: "Proxy", "VIP"',
          subresource: "status",
        },
        {
          what: "of the status may not speak of the sort of none",
          old: balanced({}),
          next: withIngress({ hostname: "a.b", ipMode: "VIP" }),
          refused: "status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set",
          subresource: "status",
        },
        {
          what: "of the status may not call an address a name",
          old: balanced({}),
          next: withIngress({ hostname: "1.2.3.4" }),
          refused: 'status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
          subresource: "status",
        },
        {
          what: "of the status may not have one where none is asked for",
          old: service({}),
          next: { ...service({}), status: { loadBalancer: { ingress: [{ hostname: "a.b" }] } } },
          refused: "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
          subresource: "status",
        },
      ],
    },
  ],
});
