import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { Status } from "#api/generated/types";
import { errorFromStatus, StatusError } from "#api/status";
import type { NodeConnection } from "../registry/node-access.ts";
import { upgradeHeaders } from "./serve-upgrade.ts";

/** Reaches the agents as upstream's API server reaches kubelets: mutual TLS under the cluster's CA. */
export function nodeConnection(tls: { readonly cert: string; readonly key: string; readonly ca: string }): NodeConnection {
  const agent = new Agent({ ...tls, keepAlive: true });
  return {
    stream: async ({ address, port }, path, query, signal) => {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const target = { agent, host: address, port, path: `${path}?${query.toString()}`, signal };
        httpsRequest(target, resolve)
          .on("error", (error) => reject(unreachable(`${address}:${port}`, error)))
          .end();
      });
      if (response.statusCode === 200) return response as AsyncIterable<Uint8Array>;
      throw await refusal(response);
    },
    upgrade: ({ address, port }, path, { method, query, headers, signal }) =>
      new Promise((resolve, reject) => {
        const target = { ...tls, agent: false, host: address, port, path: `${path}?${query.toString()}` };
        httpsRequest({ ...target, method, headers: { ...headers, connection: "Upgrade" }, signal })
          .on("error", (error) => reject(unreachable(`${address}:${port}`, error)))
          .on("upgrade", (response, socket, head) => {
            if (head.length > 0) socket.unshift(head);
            resolve({ kind: "upgraded", headers: upgradeHeaders(response), socket });
          })
          .on("response", (response) => {
            refusedBytes(response).then((body) => resolve({ kind: "refused", status: response.statusCode ?? 500, body }), reject);
          })
          .end();
      }),
  };
}

/** For a control plane without nodes to speak to. */
export const noNodes: NodeConnection = {
  stream: async () => {
    throw noCredentials();
  },
  upgrade: async () => {
    throw noCredentials();
  },
};

function noCredentials(): StatusError {
  return new StatusError("ServiceUnavailable", "this API server has no credentials for node agents");
}

function unreachable(host: string, cause: Error): StatusError {
  return new StatusError("InternalError", `error dialing backend: ${host}: ${cause.message}`, {}, { cause });
}

async function refusedBytes(response: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function refusal(response: IncomingMessage): Promise<StatusError> {
  const text = (await refusedBytes(response)).toString();
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === "Status") return errorFromStatus(status);
  } catch {
    // Plain text, taken as the message below.
  }
  const code = response.statusCode ?? 500;
  return errorFromStatus({ code, message: text.trim() } as Status);
}
