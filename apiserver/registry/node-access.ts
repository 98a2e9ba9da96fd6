import type { Duplex } from "node:stream";
import { nodes } from "#api/resource-type";
import { notFound, StatusError } from "#api/status";
import type { Reader } from "./reader.ts";

export interface NodeAddress {
  readonly address: string;
  readonly port: number;
}

/** Speaks to the agent of a node. @throws StatusError when it cannot be reached */
export interface NodeConnection {
  /** @throws StatusError as the agent answered, too */
  stream(node: NodeAddress, path: string, query: URLSearchParams, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Asks the agent to change to another protocol. A refusal is an answer, too: clients read it. */
  upgrade(
    node: NodeAddress,
    path: string,
    request: {
      readonly method: "GET" | "POST";
      readonly query: URLSearchParams;
      readonly headers: Readonly<Record<string, string>>;
      readonly signal: AbortSignal;
    },
  ): Promise<
    | { readonly kind: "upgraded"; readonly headers: Readonly<Record<string, string>>; readonly socket: Duplex }
    | { readonly kind: "refused"; readonly status: number; readonly body: Uint8Array }
  >;
}

/** @throws StatusError NotFound, ServiceUnavailable */
export function nodeAddress(nodeName: string, reader: Reader): NodeAddress {
  const node = reader.get(nodes, { namespace: "", name: nodeName });
  if (node === undefined) throw notFound(nodes, nodeName);
  const address = node.status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
  if (address === undefined) throw new StatusError("ServiceUnavailable", `node ${nodeName} has not reported an address yet`);
  return { address, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250 };
}
