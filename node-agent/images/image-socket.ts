import { chmod, mkdir, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request } from "node:http";
import { dirname } from "node:path";
import type { ImageService, ImageStatus, RegistryAuth } from "./image-service.ts";
import { ImageError } from "./image-service.ts";

type Method = "status" | "pull" | "list" | "load" | "remove";

interface Arguments {
  readonly reference?: string;
  readonly path?: string;
  readonly auths?: readonly RegistryAuth[];
}

/** JSON over HTTP on a unix socket that only its owner may open. A caller that hangs up cancels its call. @returns when it listens */
export async function serveImageService(service: ImageService, socketPath: string, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o711 });
  await rm(socketPath, { force: true });
  const server = createServer((incoming, response) => {
    answer(service, incoming, response).catch(() => response.destroy());
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, resolve);
  });
  await chmod(socketPath, 0o600);
  signal.addEventListener("abort", () => {
    server.close();
    server.closeAllConnections();
  });
}

/** What an agent uses. Errors arrive as the `ImageError` they were. */
export function remoteImageService(socketPath: string): ImageService {
  const call = <T>(method: Method, args: Arguments, signal?: AbortSignal) => send(socketPath, method, args, signal) as Promise<T>;
  return {
    status: async (reference) => (await call<ImageStatus | null>("status", { reference })) ?? undefined,
    pull: (reference, { auths, signal }) => call("pull", { reference, auths }, signal),
    list: () => call("list", {}),
    load: (path, { reference, signal }) => call("load", { path, ...(reference !== undefined && { reference }) }, signal),
    remove: async (reference) => {
      await call("remove", { reference });
    },
  };
}

async function answer(service: ImageService, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort(new Error("the caller has hung up")));
  try {
    const args = JSON.parse((await readBody(incoming)).toString()) as Arguments;
    const value = await invoke(service, (incoming.url ?? "").slice(1) as Method, args, gone.signal);
    respond(response, 200, value ?? null);
  } catch (error) {
    const reason = error instanceof ImageError ? error.reason : undefined;
    respond(response, 500, { reason, message: (error as Error).message });
  }
}

function invoke(service: ImageService, method: Method, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const { reference = "", path = "", auths = [] } = args;
  switch (method) {
    case "status":
      return service.status(reference);
    case "pull":
      return service.pull(reference, { auths, signal });
    case "list":
      return service.list();
    case "load":
      return service.load(path, { signal, ...(args.reference !== undefined && { reference }) });
    case "remove":
      return service.remove(reference);
    default:
      return Promise.reject(new Error(`no such call: ${String(method)}`));
  }
}

function respond(response: ServerResponse, status: number, value: unknown): void {
  if (!response.destroyed) response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function send(socketPath: string, method: Method, args: Arguments, signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      path: `/${method}`,
      method: "POST",
      agent: false,
      ...(signal !== undefined && { signal }),
    });
    outgoing.on("response", (incoming) => {
      readBody(incoming).then((body) => resolve(received(incoming.statusCode ?? 0, body)), reject);
    });
    outgoing.on("error", (error) => {
      if (signal?.aborted === true) reject(signal.reason as Error);
      else
        reject(
          new ImageError("RegistryUnavailable", `the image service does not answer on ${socketPath}: ${error.message}`, {
            cause: error,
          }),
        );
    });
    outgoing.end(JSON.stringify(args));
  }).then((result) => {
    if (result instanceof Error) throw result;
    return result;
  });
}

function received(status: number, body: Buffer): unknown {
  const value = JSON.parse(body.toString()) as unknown;
  if (status === 200) return value;
  const { reason, message } = value as { reason?: ImageError["reason"]; message: string };
  return reason === undefined ? new Error(message) : new ImageError(reason, message);
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
