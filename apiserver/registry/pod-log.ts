import type { Pod } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import type { ApiResponse } from "#api/request";
import { StatusError } from "#api/status";
import { nodeAddress, type NodeConnection } from "./node-access.ts";
import { containerOf } from "./pod-container.ts";
import type { Reader } from "./reader.ts";
import type { Subresource } from "./subresource.ts";

const options = [
  "follow",
  "previous",
  "sinceSeconds",
  "sinceTime",
  "timestamps",
  "tailLines",
  "limitBytes",
  "stream",
  "insecureSkipTLSVerifyBackend",
  "pretty",
  "container",
];

/** `pods/log`: what a container wrote, read by the agent of its node. */
export const podLogSubresource: Subresource = {
  name: "log",
  verbs: {
    get: async ({ found, request, dependencies }) =>
      podLog((await found()).object, request.query, dependencies.reader, dependencies.nodes, request.signal),
  },
};

async function podLog(
  pod: Stored<Pod & KubeObject>,
  query: URLSearchParams,
  reader: Reader,
  connection: NodeConnection,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const container = containerOf(pod, query.get("container") ?? "");
  const { namespace = "", name } = pod.metadata;
  const nodeName = pod.spec?.nodeName ?? "";
  if (nodeName === "") {
    const message = `pod ${name} does not have a host assigned`;
    throw new StatusError("BadRequest", message);
  }
  const forwarded = new URLSearchParams([...query].filter(([key]) => options.includes(key) && key !== "container"));
  for (const key of ["sinceSeconds", "tailLines", "limitBytes"] as const) checkNumber(pod, key, forwarded.get(key));
  const path = `/containerLogs/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/${encodeURIComponent(container)}`;
  const chunks = await connection.stream(nodeAddress(nodeName, reader), path, forwarded, signal);
  return { kind: "stream", status: 200, warnings: [], contentType: "text/plain", chunks };
}

function checkNumber(pod: Stored<KubeObject>, field: string, value: string | null): void {
  const least = field === "tailLines" ? 0 : 1;
  if (value === null || (/^-?\d+$/.test(value) && Number(value) >= least)) return;
  if (!/^-?\d+$/.test(value)) throw new StatusError("BadRequest", `strconv.ParseInt: parsing "${value}": invalid syntax`);
  const detail = least === 0 ? "must be greater than or equal to 0" : "must be greater than 0";
  const message = `PodLogOptions "${pod.metadata.name}" is invalid: ${field}: Invalid value: ${value}: ${detail}`;
  throw new StatusError("Invalid", message, {
    name: pod.metadata.name,
    kind: "PodLogOptions",
    causes: [{ reason: "FieldValueInvalid", message: `Invalid value: ${value}: ${detail}`, field }],
  });
}
