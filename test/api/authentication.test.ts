/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentOf, type ApiUnderTest, waysIn } from "./api-under-test.ts";
import { configMaps } from "./objects.ts";

describe.each(waysIn)("authentication %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api.close());

  test("takes who shows nothing for system:anonymous, and refuses in upstream's words", async () => {
    const { status, body } = await api.request("GET", configMaps, { as: {} });
    expect(status).toBe(403);
    expect(body).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message:
        'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"',
      reason: "Forbidden",
      details: { kind: "configmaps" },
      code: 403,
    });
  });

  test.each([
    ["an unknown bearer token", { token: "nobody" }],
    ["a certificate of another authority", { user: "admin", groups: ["system:masters"], foreign: true }],
  ])("answers %s with 401, never as anonymous", async (_what, as) => {
    const { status, body } = await api.request("GET", configMaps, { as });
    expect(status).toBe(401);
    expect(body).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: "Unauthorized",
      reason: "Unauthorized",
      code: 401,
    });
  });

  test("believes a certificate its name and its groups", async () => {
    expect((await api.request("GET", configMaps)).status).toBe(200);
    const { status, body } = await api.request("GET", "/api/v1/nodes", { as: { user: "jane", groups: ["developers"] } });
    expect([status, body.message]).toEqual([
      403,
      'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    ]);
  });

  test("does not let a node's name count without the nodes' group", async () => {
    const { user = "" } = agentOf("node-1");
    expect((await api.request("GET", "/api/v1/nodes/node-1", { as: { user } })).status).toBe(403);
  });
});
