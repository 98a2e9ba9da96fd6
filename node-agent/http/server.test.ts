import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { createAuthority, issueCertificate, type KeyPair } from "#cluster/pki/certificates";
import { RuntimeState } from "../runtime-state.ts";
import { FakeRuntime } from "../runtime/fake-runtime.ts";
import { AgentServer } from "./server.ts";

const pod = {
  metadata: { namespace: "default", name: "web", uid: "u", resourceVersion: "1", creationTimestamp: "" },
  spec: { containers: [{ name: "main" }] },
  status: {
    containerStatuses: [{ name: "main", image: "", imageID: "", ready: true, restartCount: 0, state: { running: {} } }],
  },
};

describe("the agent's server", () => {
  const stop = new AbortController();
  let folder: string;
  let authority: KeyPair;
  let server: AgentServer;

  const client = (commonName: string, organizations: string[], by = authority) =>
    issueCertificate(by, { commonName, organizations, use: "client" }, systemClock, systemRandom);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-server-"));
    const logs = join(folder, "default_web_u", "main");
    await mkdir(logs, { recursive: true });
    await writeFile(join(logs, "0.log"), "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:01Z stdout F two\n");
    authority = await createAuthority("test", systemClock, systemRandom);
    const own = await issueCertificate(
      authority,
      { commonName: "node", use: "server", ipAddresses: ["127.0.0.1"] },
      systemClock,
      systemRandom,
    );
    const runtime = new FakeRuntime({ clock: systemClock });
    server = new AgentServer({
      tls: { ...own, ca: authority.cert },
      address: "127.0.0.1",
      port: 0,
      parts: {
        directories: { pods: folder, logs: folder },
        runtime,
        runtimeState: new RuntimeState({ runtime, clock: systemClock }),
        clock: systemClock,
        log: silentLogger,
        signal: stop.signal,
      },
      pods: { find: (namespace, name) => (namespace === "default" && name === "web" ? pod : undefined) },
    });
    await server.listen();
  });

  afterAll(async () => {
    stop.abort();
    await server.close();
    await rm(folder, { recursive: true });
  });

  const get = (path: string, identity?: KeyPair) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", port: server.port, path, agent: false, ca: authority.cert, ...identity },
        (response) => {
          let body = "";
          response.on("data", (chunk: Buffer) => (body += chunk.toString()));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
          response.on("error", reject);
        },
      );
      sent.on("error", reject);
      sent.end();
    });

  it("speaks to nobody without a certificate of the cluster", async () => {
    await expect(get("/healthz")).rejects.toThrow();
    const other = await createAuthority("other", systemClock, systemRandom);
    await expect(get("/healthz", await client("kube-apiserver-kubelet-client", ["system:masters"], other))).rejects.toThrow();
  });

  it("serves the API server and administrators alone", async () => {
    expect(await get("/healthz", await client("kube-apiserver-kubelet-client", []))).toEqual({ status: 200, body: "ok" });
    expect((await get("/healthz", await client("admin", ["a", "system:masters"]))).status).toBe(200);
    const refused = await get("/containerLogs/default/web/main", await client("system:node:node-1", ["system:nodes"]));
    expect(refused.status).toBe(403);
    expect(refused.body).not.toContain("one");
  });

  it("streams a container's log, with the options of PodLogOptions", async () => {
    const identity = await client("kube-apiserver-kubelet-client", []);
    expect(await get("/containerLogs/default/web/main", identity)).toEqual({ status: 200, body: "one\ntwo\n" });
    expect((await get("/containerLogs/default/web/main?tailLines=1&timestamps=true", identity)).body).toBe(
      "2026-01-01T00:00:01Z two\n",
    );
  });

  it("says what is wrong in upstream's words", async () => {
    const identity = await client("kube-apiserver-kubelet-client", []);
    expect(await get("/containerLogs/default/other/main", identity)).toEqual({
      status: 404,
      body: 'pod "default/other" does not exist',
    });
    expect((await get("/containerLogs/default/web/other", identity)).status).toBe(400);
    expect((await get("/containerLogs/default/web/main?tailLines=x", identity)).status).toBe(400);
  });
});
