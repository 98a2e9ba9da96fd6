import http from "node:http";
import type { AddressInfo } from "node:net";
import { pods } from "#api/resource-type";
import { StatusError } from "#api/status";
import { afterEach, describe, expect, test } from "vitest";
import { httpTransport } from "./http-transport.ts";
import { createClient } from "./transport-client.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function serve(handler: http.RequestListener) {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const transport = httpTransport({ server: `http://127.0.0.1:${port}`, token: "t0ken" });
  cleanups.push(() => {
    transport.close();
    server.closeAllConnections();
    server.close();
  });
  return { server, client: createClient(transport) };
}

function json(response: http.ServerResponse, code: number, body: object, headers = {}) {
  response.writeHead(code, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

const key = { namespace: "default", name: "web" };

describe("httpTransport", () => {
  test("asks for the object's path with its token and freezes what comes back", async () => {
    const seen: string[] = [];
    const { client } = await serve((request, response) => {
      seen.push(`${request.method ?? ""} ${request.url ?? ""} ${request.headers.authorization ?? ""}`);
      json(response, 200, { metadata: { name: "web", labels: { a: "b" } } });
    });
    const pod = await client.get(pods, key);
    expect(seen).toEqual(["GET /api/v1/namespaces/default/pods/web Bearer t0ken"]);
    expect(Object.isFrozen(pod.metadata.labels)).toBe(true);
  });

  test("throws the Status that the server answers", async () => {
    const status = { kind: "Status", status: "Failure", reason: "NotFound", code: 404, message: 'pods "web" not found' };
    const { client } = await serve((_request, response) => json(response, 404, status));
    const error: unknown = await client.get(pods, key).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StatusError);
    expect(error).toMatchObject({ reason: "NotFound", message: 'pods "web" not found' });
  });

  test("sends a body with a DELETE that the server can tell from the next request", async () => {
    const bodies: string[] = [];
    const { client } = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        bodies.push(`${request.method ?? ""} ${Buffer.concat(chunks).toString()}`);
        json(response, 200, { kind: "Status", status: "Success", metadata: {} });
      });
    });
    await client.delete(pods, key, { propagationPolicy: "Foreground" });
    await client.delete(pods, key);
    expect(bodies).toEqual([
      'DELETE {"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Foreground"}',
      'DELETE {"apiVersion":"v1","kind":"DeleteOptions"}',
    ]);
  });

  test("says ServiceUnavailable when nobody listens", async () => {
    const { client, server } = await serve(() => undefined);
    server.close();
    await expect(client.get(pods, key)).rejects.toMatchObject({ reason: "ServiceUnavailable" });
  });

  test("reads again over a new connection when the server closed the old one, but never writes twice", async () => {
    let answered = 0;
    const { client } = await serve((request, response) => {
      // As a server that closes an idle connection just when a request arrives on it.
      if (answered++ % 2 === 1) request.socket.destroy();
      else json(response, 200, { metadata: { name: "web" } });
    });
    await client.get(pods, key);
    await expect(client.get(pods, key)).resolves.toMatchObject({ metadata: { name: "web" } });
    await expect(client.create(pods, { metadata: key })).rejects.toMatchObject({ reason: "ServiceUnavailable" });
    expect(answered).toBe(4);
  });

  test("reads a list page by page", async () => {
    const { client } = await serve((request, response) => {
      const query = new URL(request.url ?? "", "http://x").searchParams;
      const token = query.get("continue");
      expect(query.get("limit")).toBe("500");
      const name = token ?? "0";
      const next = name === "2" ? {} : { continue: `${Number(name) + 1}` };
      json(response, 200, { metadata: { resourceVersion: "7", ...next }, items: [{ metadata: { name } }] });
    });
    const list = await client.list(pods);
    expect(list.metadata).toEqual({ resourceVersion: "7" });
    expect(list.items.map((pod) => pod.metadata.name)).toEqual(["0", "1", "2"]);
    expect(list.items[0]).toMatchObject({ kind: "Pod", apiVersion: "v1" });
  });

  test("splits a watch into events wherever the bytes are cut, and throws an ERROR event", async () => {
    const lines = [
      { type: "ADDED", object: { metadata: { name: "ä" } } },
      { type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } },
      { type: "ERROR", object: { kind: "Status", reason: "Expired", code: 410, message: "too old" } },
    ];
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const { client } = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      void (async () => {
        for (const byte of bytes) {
          response.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        response.end();
      })();
    });
    const events: unknown[] = [];
    const read = async () => {
      const { signal } = new AbortController();
      for await (const event of client.watch(pods, { resourceVersion: "1", signal })) events.push(event);
    };
    await expect(read()).rejects.toMatchObject({ reason: "Expired" });
    expect(events).toMatchObject([
      { type: "ADDED", object: { metadata: { name: "ä" } } },
      { type: "BOOKMARK", resourceVersion: "9" },
    ]);
  });

  test("ends a watch with the reason of its signal and closes the connection", async () => {
    let closed: () => void = () => undefined;
    const connectionClosed = new Promise<void>((resolve) => (closed = resolve));
    const { client } = await serve((request, response) => {
      request.socket.on("close", closed);
      response.writeHead(200, { "content-type": "application/json" });
      response.write(`${JSON.stringify({ type: "ADDED", object: { metadata: {} } })}\n`);
    });
    const abort = new AbortController();
    const read = async () => {
      const events = client.watch(pods, { resourceVersion: "1", signal: abort.signal });
      for await (const _event of events) abort.abort(new Error("enough"));
    };
    await expect(read()).rejects.toThrow("enough");
    await connectionClosed;
  });
});
