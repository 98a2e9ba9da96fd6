import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { HTTPGetAction } from "#api/generated/types";
import type { ContainerSpec } from "../pod-spec.ts";

export interface HttpRequest {
  readonly action: HTTPGetAction;
  readonly container: ContainerSpec;
  readonly podIP: string;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Its first 10 KiB. */
  readonly body: string;
  /** It leads to another host, where nobody followed. */
  readonly leadsAway: boolean;
}

/** Upstream: maxRespBodyLength. */
const longestBody = 10 * 1024;
const mostRedirects = 10;

/**
 * Asks what an httpGet action says, and follows redirects that stay on the host. Certificates are not verified, as in upstream.
 *
 * @throws Error `Get "URL": why`, with the system's code
 */
export async function requestHttp({ action, container, podIP, userAgent, signal }: HttpRequest): Promise<HttpAnswer> {
  const { scheme = "HTTP", path = "/", port } = action;
  const host = action.host === undefined || action.host === "" ? podIP : action.host;
  const origin = `${scheme.toLowerCase()}://${host.includes(":") ? `[${host}]` : host}:${portNumber(port, container)}`;
  const first = new URL(`${origin}${path.startsWith("/") ? path : `/${path}`}`);
  const headers = requestHeaders(action, userAgent);
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const response = await ask(url, headers, signal);
    const status = response.statusCode ?? 0;
    const location = isRedirect(status) ? response.headers.location : undefined;
    const next = location === undefined ? undefined : new URL(location, url);
    if (next === undefined || next.hostname !== first.hostname) {
      return { status, body: await bodyOf(response), leadsAway: next !== undefined };
    }
    response.destroy();
    if (redirects === mostRedirects) throw new Error(`Get "${next.href}": stopped after ${mostRedirects} redirects`);
    url = next;
  }
}

/** A name may be given more than once; one given as empty is not sent at all. */
function requestHeaders({ httpHeaders = [] }: HTTPGetAction, userAgent: string): Readonly<Record<string, readonly string[]>> {
  const headers: Record<string, readonly string[]> = {};
  for (const { name, value } of httpHeaders) {
    const key = name.toLowerCase();
    headers[key] = [...(headers[key] ?? []), value];
  }
  const own = { "user-agent": [userAgent], accept: ["*/*"] };
  const all = Object.entries({ ...own, ...headers }).filter(([, values]) => values.length > 1 || values[0] !== "");
  return { ...Object.fromEntries(all), connection: ["close"] };
}

function ask(url: URL, headers: Readonly<Record<string, readonly string[]>>, signal: AbortSignal): Promise<IncomingMessage> {
  const isTls = url.protocol === "https:";
  // Node wants a Host as text; every other header may be a list.
  const sent = Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, name === "host" ? values[0] : [...values]]),
  );
  const options = { headers: sent as Record<string, string | string[]>, signal, agent: false };
  return new Promise((resolve, reject) => {
    const request = (isTls ? httpsRequest : httpRequest)(
      url,
      { ...options, ...(isTls && { rejectUnauthorized: false }) },
      resolve,
    );
    request.on("error", (error: NodeJS.ErrnoException) => {
      const why = signal.aborted
        ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        : dialError(error, url.hostname, Number(url.port));
      reject(Object.assign(new Error(`Get "${url.href}": ${why}`, { cause: error }), { code: error.code }));
    });
    request.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= longestBody) break;
    }
  } finally {
    response.destroy();
  }
  return Buffer.concat(chunks).subarray(0, longestBody).toString();
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** A connection's failure as Go words it. */
export function dialError(error: Error, host: string, port: number): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ECONNREFUSED") return `dial tcp ${host}:${port}: connect: connection refused`;
  if (code === "EHOSTUNREACH") return `dial tcp ${host}:${port}: connect: no route to host`;
  return error.message;
}

/** A port by number or by its name in the container. @throws Error when no port has the name */
export function portNumber(port: string | number, { ports = [] }: ContainerSpec): number {
  if (typeof port === "number") return port;
  const named = ports.find(({ name }) => name === port);
  const number = named?.containerPort ?? Number.parseInt(port, 10);
  if (Number.isNaN(number)) throw new Error(`couldn't find port: ${port}`);
  return number;
}
