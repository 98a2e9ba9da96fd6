import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { Status } from "#api/generated/types";
import { errorFromStatus, StatusError } from "#api/status";
import type { NodeConnection } from "../registry/pod-log.ts";

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
  };
}

/** For a control plane without nodes to speak to. */
export const noNodes: NodeConnection = {
  stream: async () => {
    throw new StatusError("ServiceUnavailable", "this API server has no credentials for node agents");
  },
};

function unreachable(host: string, cause: Error): StatusError {
  return new StatusError("InternalError", `error dialing backend: ${host}: ${cause.message}`, {}, { cause });
}

async function refusal(response: IncomingMessage): Promise<StatusError> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response as AsyncIterable<Uint8Array>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === "Status") return errorFromStatus(status);
  } catch {
    // Plain text, taken as the message below.
  }
  const code = response.statusCode ?? 500;
  return errorFromStatus({ code, message: text.trim() } as Status);
}
