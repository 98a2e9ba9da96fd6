import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Pod } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import type { ApiResponse } from "#api/request";
import { StatusError } from "#api/status";
import { nodeAddress } from "./node-access.ts";
import { containerOf } from "./pod-container.ts";
import type { Subresource, SubresourceCall, SubresourceHandler } from "./subresource.ts";

/** `pods/exec`: a command in a container, its streams carried by the connection of the request. */
export const podExecSubresource = connectSubresource("exec", "PodExecOptions");

/** `pods/attach`: the streams of a container's own process. */
export const podAttachSubresource = connectSubresource("attach", "PodAttachOptions");

/**
 * The agent of the pod's node speaks the client's protocol; here bytes only pass. As upstream since 1.35 a GET (a WebSocket) needs
 * the permission to create, too: it is no read.
 */
function connectSubresource(name: "exec" | "attach", kind: string): Subresource {
  const connect: SubresourceHandler = async (call) => {
    const { request, user, dependencies } = call;
    if (request.verb === "get") await dependencies.authorizeCreate(request, user);
    return connectToPod(call, name);
  };
  const document = { apiVersion: "v1", kind, schema: `io.k8s.api.core.v1.${kind}` };
  return { name, document, verbs: { create: connect, get: connect } };
}

async function connectToPod({ found, request, dependencies }: SubresourceCall, name: string): Promise<ApiResponse> {
  const pod = (await found()).object as Stored<Pod & KubeObject>;
  const { query, signal, upgrade } = request;
  const container = containerOf(pod, query.get("container") ?? "");
  const nodeName = pod.spec?.nodeName ?? "";
  if (nodeName === "") throw new StatusError("BadRequest", `pod ${pod.metadata.name} does not have a host assigned`);
  if (upgrade === undefined) throw new StatusError("BadRequest", "Upgrade request required");
  const path = [name, pod.metadata.namespace ?? "", pod.metadata.name, container].map(encodeURIComponent).join("/");
  const answer = await dependencies.nodes.upgrade(nodeAddress(nodeName, dependencies.reader), `/${path}`, {
    method: request.verb === "get" ? "GET" : "POST",
    query: agentQuery(query),
    headers: upgrade,
    signal,
  });
  if (answer.kind === "refused") {
    const { status, body } = answer;
    return { kind: "stream", status, warnings: [], contentType: "text/plain; charset=utf-8", chunks: once(body) };
  }
  const { headers, socket } = answer;
  return { kind: "upgrade", status: 101, warnings: [], headers, upgrade: (client) => joinSockets(client, socket) };
}

/** Each reads no faster than the other writes. When one is over, so is the other, and what was on its way has arrived. */
async function joinSockets(client: Duplex, node: Duplex): Promise<void> {
  try {
    await Promise.race([pipeline(client, node), pipeline(node, client)]);
  } catch {
    // One of them is gone.
  } finally {
    client.destroy();
    node.destroy();
  }
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

/** What an agent calls a client's options. Without a word of it, outputs are wanted and input is not (upstream's defaults). */
function agentQuery(query: URLSearchParams): URLSearchParams {
  const asked = new URLSearchParams();
  const flag = (name: string, as: string, otherwise: boolean): void => {
    const value = query.get(name);
    if (value === null ? otherwise : value === "true" || value === "1") asked.set(as, "1");
  };
  flag("stdin", "input", false);
  flag("stdout", "output", true);
  flag("stderr", "error", true);
  flag("tty", "tty", false);
  for (const word of query.getAll("command")) asked.append("command", word);
  return asked;
}
