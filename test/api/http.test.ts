/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { FakeClock } from "#base/fake-clock";
import { agentOf, hasOwnServers, type ApiUnderTest } from "./api-under-test.ts";
import { startHttps } from "./own-server.ts";
import { configMap, configMaps, must, pod, pods } from "./objects.ts";

/** What HTTP adds to the API: upstream's apiserver/pkg/server filters and endpoints/handlers/responsewriters. */
describe.runIf(hasOwnServers)("HTTP", () => {
  let api: ApiUnderTest;
  const http = (): NonNullable<ApiUnderTest["http"]> => api.http!;

  beforeAll(async () => {
    api = await startHttps();
    const data = { text: "all work and no play ".repeat(10_000) };
    for (const name of ["big-1", "big-2"]) await must(api.request("POST", configMaps, { body: configMap(name, { data }) }));
    await must(api.request("POST", configMaps, { body: configMap("small") }));
  });
  afterAll(() => api.close());

  describe("compression", () => {
    const gzip = { headers: { "accept-encoding": "gzip" } };

    test.each([`${configMaps}/big-1`, configMaps])("%s comes in gzip to who takes it, with the same content", async (path) => {
      const plain = await http().raw("GET", path);
      const zipped = await http().raw("GET", path, gzip);
      expect(plain.headers["content-encoding"]).toBeUndefined();
      expect(zipped.headers["content-encoding"]).toBe("gzip");
      expect(zipped.headers.vary).toBe("Accept-Encoding");
      expect(zipped.bytes.length).toBeLessThan(plain.bytes.length / 10);
      expect(JSON.parse(gunzipSync(zipped.bytes).toString())).toEqual(JSON.parse(plain.bytes.toString()));
    });

    test.each(["gzip;q=0", "br", "identity"])("is not forced on who says %s", async (encoding) => {
      const reply = await http().raw("GET", configMaps, { headers: { "accept-encoding": encoding } });
      expect(reply.headers["content-encoding"]).toBeUndefined();
    });

    test("is not for what is under 128 KB", async () => {
      expect((await http().raw("GET", `${configMaps}/small`, gzip)).headers["content-encoding"]).toBeUndefined();
    });
  });

  describe("refusals", () => {
    test.each([
      ["GET", "/api/v1/namespaces/default/nonsense", 404, "NotFound", "the server could not find the requested resource"],
      ["GET", "/apis/none.example/v1/things", 404, "NotFound", "the server could not find the requested resource"],
      ["GET", "/nonsense", 404, "NotFound", "the server could not find the requested resource"],
      ["POST", `${configMaps}/small`, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"],
      ["PUT", configMaps, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"],
      ["BREW", configMaps, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"],
    ])("%s %s is %d", async (method, path, status, reason, message) => {
      const sent = method === "BREW" ? "PROPFIND" : method;
      const reply = await api.request(sent, path, method === "POST" || method === "PUT" ? { body: configMap("x") } : {});
      expect([reply.status, reply.body.reason, reply.body.message]).toEqual([status, reason, message]);
      expect(reply.body).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", code: status });
    });

    test("an Accept that cannot be served is 406 and says what can", async () => {
      const { status, body } = await api.request("GET", configMaps, { accept: "text/html" });
      expect([status, body.reason]).toEqual([406, "NotAcceptable"]);
      expect(body.message).toMatch(/^only the following media types are accepted: application\/json, application\/yaml/);
    });

    test("a body of another type is 415 and says what is taken", async () => {
      const { status, body } = await api.request("POST", configMaps, { body: "x", contentType: "text/plain" });
      expect([status, body.reason]).toEqual([415, "UnsupportedMediaType"]);
      expect(body.message).toMatch(
        /^the body of the request was in an unknown format - accepted media types include: application\/json/,
      );
    });

    test("a body over 3 MiB is 413, and the connection is not used again", async () => {
      const { status, headers, bytes } = await http().raw("POST", configMaps, { body: "x".repeat(3 * 1024 * 1024 + 1) });
      expect(status).toBe(413);
      expect(JSON.parse(bytes.toString())).toMatchObject({
        reason: "RequestEntityTooLarge",
        message: "Request entity too large: limit is 3145728",
      });
      expect(headers.connection).toBe("close");
    });

    test("a timeout that is none is 400", async () => {
      const { status, body } = await api.request("GET", `${configMaps}?timeout=soon`);
      expect([status, body.reason]).toEqual([400, "BadRequest"]);
      expect(body.message).toContain('time: invalid duration "soon"');
    });

    test("a broken escape in the path is 400", async () => {
      expect((await api.request("GET", `${configMaps}/%zz`)).status).toBe(400);
    });
  });

  describe("the audit id", () => {
    test("of a request is its own or a new one, on every path", async () => {
      const named = await api.request("GET", configMaps, { headers: { "audit-id": "mine-1" } });
      expect(named.headers["audit-id"]).toBe("mine-1");
      const ids = await Promise.all([
        api.request("GET", configMaps),
        api.request("GET", "/version"),
        api.request("GET", "/none"),
      ]);
      const seen = ids.map(({ headers }) => headers["audit-id"]);
      expect(new Set(seen).size).toBe(3);
      for (const id of seen) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    });
  });

  describe("health", () => {
    test.each(["/healthz", "/livez", "/readyz"])("%s says ok, and with ?verbose every check", async (path) => {
      expect((await api.request("GET", path)).text).toBe("ok");
      const { text } = await api.request("GET", `${path}?verbose`);
      expect(text).toMatch(/^\[\+\]ping ok\n/);
      expect(text).toMatch(new RegExp(`\\n${path.slice(1)} check passed\\n$`));
      expect(text.includes("[+]informer-sync ok")).toBe(path !== "/livez");
    });

    test("checks can be asked one by one, and left out", async () => {
      expect((await api.request("GET", "/readyz/ping")).text).toBe("ok");
      expect((await api.request("GET", "/readyz/none")).status).toBe(404);
      const { text } = await api.request("GET", "/readyz?verbose&exclude=ping&exclude=none");
      expect(text).toContain("[+]ping excluded: ok\n");
      expect(text).toContain('warn: some health checks cannot be excluded: no matches for "none"\n');
    });
  });

  describe("metrics", () => {
    test("count requests by what was asked and what came of it, under upstream's names", async () => {
      await api.request("GET", `${configMaps}/metered`);
      await api.request("GET", "/api/v1/nonsense/made-up");
      await api.request("GET", `${configMaps}/metered/nonsense`);
      const { text } = await api.request("GET", "/metrics");
      expect(text).toMatch(
        /^apiserver_request_total\{verb="GET",group="",version="v1",resource="configmaps",subresource="",scope="resource",dry_run="",component="apiserver",code="404"\} 1$/m,
      );
      expect(text).not.toContain("nonsense");
      for (const name of [
        "apiserver_request_duration_seconds_bucket",
        'apiserver_current_inflight_requests{request_kind="mutating"} 0',
        "kubernetes_build_info{",
        "process_resident_memory_bytes",
        'apiserver_resource_objects{group="",resource="configmaps"} ',
      ])
        expect(text).toContain(name);
    });

    test("are not for everybody", async () => {
      expect((await api.request("GET", "/metrics", { as: agentOf("n1") })).status).toBe(403);
    });
  });

  describe("watches over a WebSocket", () => {
    const connect = async (path: string, protocols: string[] = []): Promise<{ socket: WebSocket; messages: string[] }> => {
      const { url, options } = await http().webSocket();
      const socket = new WebSocket(`${url}${path}`, protocols, options);
      const messages: string[] = [];
      socket.on("message", (message: Buffer) => messages.push(message.toString()));
      await new Promise((resolve, reject) => {
        socket.once("open", resolve);
        socket.once("error", reject);
      });
      return { socket, messages };
    };
    const count = async (messages: readonly string[], wanted: number): Promise<void> => {
      await expect.poll(() => messages.length).toBeGreaterThanOrEqual(wanted);
    };

    test("send each event as one message", async () => {
      const { socket, messages } = await connect(`${configMaps}?watch=1&fieldSelector=metadata.name%3Dsocket`);
      await must(api.request("POST", configMaps, { body: configMap("socket") }));
      await must(api.request("DELETE", `${configMaps}/socket`));
      await count(messages, 2);
      const events = messages.map((message) => JSON.parse(message) as { type: string; object: { kind: string } });
      expect(events.map(({ type, object }) => [type, object.kind])).toEqual([
        ["ADDED", "ConfigMap"],
        ["DELETED", "ConfigMap"],
      ]);
      socket.close();
    });

    test("close when the watch's time is up", async () => {
      const { socket } = await connect(`${configMaps}?watch=1&timeoutSeconds=1`);
      const code = await new Promise((resolve) => socket.once("close", resolve));
      expect(code).toBe(1000);
    });

    test("are refused in HTTP like any other request", async () => {
      const { url, options } = await http().webSocket();
      const socket = new WebSocket(`${url}${configMaps}?watch=1&resourceVersion=x`, options);
      const status = await new Promise((resolve) => {
        socket.once("unexpected-response", (_request, response) => resolve(response.statusCode));
      });
      expect(status).toBe(400);
    });
  });
});

describe.runIf(hasOwnServers)("too many at a time", () => {
  test("are told to come back, reads and writes apart, watches never and administrators let through", async () => {
    const api = await startHttps({ inFlight: { reads: 0, writes: 5 } });
    const agent = { as: agentOf("n1") };
    const refused = await api.request("GET", pods, agent);
    expect([refused.status, refused.body.reason, refused.headers["retry-after"]]).toEqual([429, "TooManyRequests", "1"]);
    expect(refused.body.message).toBe("Too many requests, please try again later.");
    // A write of the same client is judged on its own: it gets as far as being forbidden.
    expect((await api.request("POST", pods, { ...agent, body: pod("x") })).status).not.toBe(429);
    expect((await api.request("GET", pods)).status).toBe(200);
    const watching = await api.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn1", agent);
    watching.stop();
    const { text } = await api.request("GET", "/metrics");
    expect(text).toMatch(/apiserver_request_terminations_total\{.*resource="pods".*code="429"\} 1/);
    await api.close();
  });
});

describe.runIf(hasOwnServers)("a request that takes too long", () => {
  test("ends with 504 when the client's timeout is up", async () => {
    const api = await startHttps();
    // It waits three seconds for a version of the future; this client gives it less.
    const { status, body } = await api.request("GET", `${configMaps}?resourceVersion=99999&timeout=300ms`);
    expect([status, body.reason]).toEqual([504, "Timeout"]);
    expect(body.message).toBe("Timeout: request did not complete within requested timeout - context deadline exceeded");
    await api.close();
  });

  test("ends after a minute at the latest, however long the client would wait", async () => {
    const clock = new FakeClock();
    const api = await startHttps({ clock });
    const before = clock.waiting;
    const pending = api.request("POST", configMaps, { body: "{", headers: { "content-length": "1000" } });
    await expect.poll(() => clock.waiting).toBeGreaterThan(before);
    await clock.advance(60_000);
    expect((await pending).status).toBe(504);
    const closing = api.close();
    await clock.advance(20_000);
    await closing;
  });
});

describe.runIf(hasOwnServers)("a server that ends", () => {
  test("ends its watches, finishes what is under way, and says so on readyz", async () => {
    const api = await startHttps();
    const watching = await api.watch(`${configMaps}?watch=true&resourceVersion=0`);
    // It waits for a version of the future when the server begins to end.
    const slow = api.request("GET", `${configMaps}?resourceVersion=99999`);
    const isUnderWay = /^apiserver_current_inflight_requests\{request_kind="readOnly"\} 1$/m;
    await expect.poll(async () => (await api.request("GET", "/metrics")).text).toMatch(isUnderWay);
    const stopped = api.http!.stop();
    expect(await watching.next()).toBeUndefined();
    expect((await slow).status).toBe(504);
    await stopped;
    await expect(api.request("GET", configMaps)).rejects.toThrow();
    await api.close();
  });
});
