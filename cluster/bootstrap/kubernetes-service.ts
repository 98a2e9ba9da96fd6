import { isDeepStrictEqual } from "node:util";
import type { EndpointSlice, Service } from "#api/generated/types";

/** Where the API server is, and under which address it is to be found inside the cluster. */
export interface ApiServerAddress {
  /** As nodes and pods reach it. Absent: nobody but this machine does. */
  readonly address?: string;
  readonly port: number;
  /** The first of the range of Services. */
  readonly clusterIp: string;
}

export const kubernetesServiceKey = { namespace: "default", name: "kubernetes" };
const portName = "https";

/** The Service `default/kubernetes` as it is to be, made of what is there. Undefined: it is as it should be. */
export function wantedService(known: Service | undefined, { port, clusterIp }: ApiServerAddress): Service | undefined {
  const ports = [{ name: portName, port: 443, protocol: "TCP", targetPort: port }];
  const metadata = { ...kubernetesServiceKey, labels: { component: "apiserver", provider: "kubernetes" } };
  const address = {
    clusterIP: clusterIp,
    clusterIPs: [clusterIp],
    ipFamilies: [clusterIp.includes(":") ? "IPv6" : "IPv4"],
    ipFamilyPolicy: "SingleStack",
  };
  if (known === undefined) return { metadata, spec: { type: "ClusterIP", sessionAffinity: "None", ...address, ports } };
  const next: Service = {
    ...known,
    metadata: { ...known.metadata, labels: { ...known.metadata.labels, ...metadata.labels } },
    spec: { ...known.spec, type: "ClusterIP", ...address, ports },
  };
  return isDeepStrictEqual(next, known) ? undefined : next;
}

/** The same of its EndpointSlice. Its kind of address cannot be changed: one of another kind must go first. */
export function wantedSlice(known: EndpointSlice | undefined, { address, port }: ApiServerAddress): EndpointSlice | undefined {
  const next: EndpointSlice = {
    ...known,
    metadata: {
      ...(known?.metadata ?? kubernetesServiceKey),
      labels: { ...known?.metadata.labels, "kubernetes.io/service-name": kubernetesServiceKey.name },
    },
    addressType: addressTypeOf(address),
    endpoints: address === undefined ? [] : [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: portName, port, protocol: "TCP" }],
  };
  return known !== undefined && isDeepStrictEqual(next, { endpoints: [], ...known }) ? undefined : next;
}

function addressTypeOf(address: string | undefined): string {
  return address?.includes(":") === true ? "IPv6" : "IPv4";
}
