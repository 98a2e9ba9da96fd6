/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasOwnServers, type ApiUnderTest, type Call, type Reply, scheduler, waysIn } from "./api-under-test.ts";
import { configMaps, inDefault } from "./objects.ts";

const whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

// Source: kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation and
// apiserver/pkg/endpoints/filters/impersonation.
describe.each(waysIn)("impersonation %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api.close());

  const seenAs = async (impersonate: NonNullable<Call["impersonate"]>): Promise<Reply["body"]> => {
    const { status, body } = await api.request("POST", whoami, { impersonate, body: {} });
    expect(status).toBe(201);
    return body.status.userInfo;
  };

  test("makes an administrator somebody else, with everything that is said of them", async () => {
    const said = { user: "jane", uid: "42", groups: ["dev", "ops"], extra: { "example.com/scope": ["a", "b"], plain: ["c"] } };
    expect(await seenAs(said)).toEqual({
      username: "jane",
      uid: "42",
      groups: ["dev", "ops", "system:authenticated"],
      extra: said.extra,
    });
  });

  test("gives a service account its groups, unless others are named", async () => {
    const user = "system:serviceaccount:default:builder";
    const own = ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"];
    expect(await seenAs({ user })).toEqual({ username: user, groups: own });
    expect((await seenAs({ user, groups: ["x"] })).groups).toEqual(["x", "system:authenticated"]);
  });

  test("leaves the anonymous, and who is called unauthenticated, outside the authenticated", async () => {
    expect((await seenAs({ user: "jane", groups: ["system:authenticated"] })).groups).toEqual(["system:authenticated"]);
    const anonymous = { user: "system:anonymous" };
    const { status, body } = await api.request("POST", whoami, { impersonate: anonymous, body: {} });
    expect(status).toBe(403);
    expect(body.message).toContain('User "system:anonymous" cannot create resource "selfsubjectreviews"');
  });

  test("lets them do what the other may, and no more", async () => {
    const { status, body } = await api.request("GET", configMaps, { impersonate: { user: "jane" } });
    expect(status).toBe(403);
    expect(body.message).toBe(
      'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"',
    );
    expect((await api.request("GET", configMaps, { impersonate: { user: "jane", groups: ["system:masters"] } })).status).toBe(
      200,
    );
  });

  test.runIf(hasOwnServers).each<[string, NonNullable<Call["impersonate"]>, string, object]>([
    ["a user", { user: "admin" }, 'resource "users" in API group "" at the cluster scope', { kind: "users", name: "admin" }],
    [
      "a service account",
      { user: "system:serviceaccount:kube-system:default" },
      'resource "serviceaccounts" in API group "" in the namespace "kube-system"',
      { kind: "serviceaccounts", name: "default" },
    ],
    [
      "what only looks like a service account",
      { user: "system:serviceaccount:a:b:c" },
      'resource "users" in API group "" at the cluster scope',
      { kind: "users", name: "system:serviceaccount:a:b:c" },
    ],
  ])("is refused to who may not be %s", async (_what, impersonate, where, details) => {
    const { status, body } = await api.request("GET", configMaps, { as: scheduler, impersonate });
    expect(status).toBe(403);
    expect(body.message).toContain(`is forbidden: User "system:kube-scheduler" cannot impersonate ${where}`);
    expect(body.details).toEqual(details);
  });

  test.each<NonNullable<Call["impersonate"]>>([{ groups: ["system:masters"] }, { uid: "1" }, { extra: { a: ["b"] } }])(
    "is a mistake without a user: %j",
    async (impersonate) => {
      const { status, body } = await api.request("GET", configMaps, { impersonate });
      expect(status).toBe(400);
      expect(body).toMatchObject({
        reason: "BadRequest",
        message: expect.stringMatching(/^requested .* without impersonating a user/),
      });
    },
  );

  test.runIf(hasOwnServers)("holds for paths outside the API too", async () => {
    if (!api.isHttp) return;
    expect((await api.request("GET", "/metrics", { impersonate: { user: "jane" } })).status).toBe(403);
    expect((await api.request("GET", "/version", { impersonate: { user: "jane" } })).status).toBe(200);
    expect((await api.request("GET", "/version", { as: scheduler, impersonate: { user: "jane" } })).status).toBe(403);
  });

  test("is not open to an agent that would be another node's", async () => {
    const as = { user: "system:node:n1", groups: ["system:nodes"] };
    const impersonate = { user: "system:node:n2", groups: ["system:nodes"] };
    expect((await api.request("GET", `${inDefault}/pods`, { as, impersonate })).status).toBe(403);
  });
});
