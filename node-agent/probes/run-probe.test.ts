import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Server as NetServer } from "node:net";
import { createServer as createNetServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Probe } from "#api/generated/types";
import { systemClock } from "#base/clock";
import { FakeRuntime } from "../runtime/fake-runtime.ts";
import { networkProber } from "./run-probe.ts";

const prober = networkProber(new FakeRuntime({ clock: systemClock }));
const never = new AbortController().signal;
const ask = (probe: Probe, signal = never, ports: { name: string; containerPort: number }[] = []) =>
  prober(probe, { container: { name: "main", ports }, containerId: "main-0", podIP: "127.0.0.1" }, signal);

let opened: (Server | Http2Server | NetServer)[] = [];
const sessions = new Set<ServerHttp2Session>();
afterEach(async () => {
  for (const session of sessions) session.destroy();
  for (const server of opened) {
    if ("closeAllConnections" in server) server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  opened = [];
});

async function listening(server: Server | Http2Server | NetServer): Promise<number> {
  opened.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describe("HTTP probes", () => {
  const http = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => listening(createServer(answer));

  it.each<[number, boolean]>([
    [199 + 1, true],
    [204, true],
    [304, true],
    [399, true],
    [400, false],
    [503, false],
  ])("take status %d for success: %s", async (status, ok) => {
    const port = await http((_request, response) => response.writeHead(status).end());
    const message = ok ? "" : `HTTP probe failed with statuscode: ${status}`;
    expect(await ask({ httpGet: { port, path: "/healthz" } })).toEqual({ ok, message });
  });

  it("say who asks, repeat headers as given, and drop those given as empty", async () => {
    const seen: IncomingMessage[] = [];
    const port = await http((request, response) => {
      seen.push(request);
      response.end();
    });
    await ask({ httpGet: { port, path: "ready?deep=1" } });
    const header = (name: string, value: string) => ({ name, value });
    const httpHeaders = [header("Host", "web.example"), header("X-A", "1"), header("x-a", "2"), header("User-Agent", "")];
    await ask({ httpGet: { port, httpHeaders } });
    expect(seen.map(({ url }) => url)).toEqual(["/ready?deep=1", "/"]);
    expect(seen[0]?.headers).toMatchObject({ "user-agent": "kube-probe/1.36", accept: "*/*", host: `127.0.0.1:${port}` });
    expect(seen[1]?.headers).toMatchObject({ host: "web.example", "x-a": "1, 2" });
    expect(seen[1]?.headers["user-agent"]).toBeUndefined();
  });

  it("follow redirects on the same host", async () => {
    const port = await http(({ url }, response) =>
      url === "/" ? response.writeHead(302, { location: "/there" }).end() : response.writeHead(500).end(),
    );
    expect(await ask({ httpGet: { port } })).toEqual({ ok: false, message: "HTTP probe failed with statuscode: 500" });
  });

  it("succeed with a warning when they are sent to another host, and do not go there", async () => {
    const port = await http((_request, response) =>
      response.writeHead(302, { location: "http://127.0.0.9:1/" }).end("look there"),
    );
    expect(await ask({ httpGet: { port } })).toEqual({
      ok: true,
      message: "Probe terminated redirects, Response body: look there",
      remark: "warning",
    });
  });

  it("give up after ten redirects", async () => {
    const port = await http((_request, response) => response.writeHead(301, { location: "/again" }).end());
    const url = `http://127.0.0.1:${port}/again`;
    expect(await ask({ httpGet: { port } })).toEqual({ ok: false, message: `Get "${url}": stopped after 10 redirects` });
  });

  it("name the port by its name in the container; a name nobody has says nothing of the container", async () => {
    const port = await http((_request, response) => response.end());
    const ports = [{ name: "web", containerPort: port }];
    expect((await ask({ httpGet: { port: "web" } }, never, ports)).ok).toBe(true);
    expect(await ask({ httpGet: { port: "none" } })).toEqual({
      ok: false,
      message: "couldn't find port: none",
      remark: "unknown",
    });
  });

  it("say that time is up, or that nobody listens", async () => {
    const port = await http(() => undefined);
    expect((await ask({ httpGet: { port } }, AbortSignal.timeout(50))).message).toBe(
      `Get "http://127.0.0.1:${port}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    );
    expect((await ask({ httpGet: { port: 1 } })).message).toBe(
      'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
    );
  });
});

describe("gRPC probes", () => {
  /** A server of the health protocol: by service, a serving status or a gRPC code. */
  async function health(services: Record<string, { status: number } | { code: number; message: string }>): Promise<number> {
    const server = createHttp2Server();
    server.on("session", (session) => sessions.add(session));
    server.on("stream", (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        expect(headers[":path"]).toBe("/grpc.health.v1.Health/Check");
        expect(headers["content-type"]).toBe("application/grpc");
        const service = Buffer.concat(chunks).subarray(7).toString();
        const answer = services[service] ?? { code: 5, message: "unknown%20service" };
        if ("code" in answer) {
          stream.respond(
            { ":status": 200, "grpc-status": `${answer.code}`, "grpc-message": answer.message },
            { endStream: true },
          );
          return;
        }
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        const message = answer.status === 0 ? [] : [0x08, answer.status];
        stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]));
      });
    });
    return listening(server);
  }

  it.each<[string, Parameters<typeof health>[0], string, string]>([
    ["a server that serves", { "": { status: 1 } }, "", ""],
    ["a service of it by name", { "shop.Cart": { status: 1 } }, "shop.Cart", ""],
    ["one that does not serve", { "": { status: 2 } }, "", 'service unhealthy (responded with "NOT_SERVING")'],
    ["one that does not know itself", { "": { status: 0 } }, "", 'service unhealthy (responded with "UNKNOWN")'],
    [
      "a service that is not there",
      {},
      "none",
      "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service",
    ],
    [
      "a server without the protocol",
      { "": { code: 12, message: "unknown service grpc.health.v1.Health" } },
      "",
      "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health",
    ],
  ])("ask %s", async (_name, services, service, message) => {
    const port = await health(services);
    expect(await ask({ grpc: { port, service } })).toEqual({ ok: message === "", message });
  });

  it("fail where nobody listens, and when time is up before there is a connection", async () => {
    const { message } = await ask({ grpc: { port: 1 }, timeoutSeconds: 1 });
    expect(message).toMatch(/^error: failed to connect service at "127.0.0.1:1": .*ECONNREFUSED/);
    const port = await listening(createNetServer((socket) => socket.resume().on("error", () => undefined)));
    const late = await ask({ grpc: { port }, timeoutSeconds: 2 }, AbortSignal.timeout(100));
    expect(late.message).toBe(`timeout: failed to connect service "127.0.0.1:${port}" within 2s: context deadline exceeded`);
  });
});
