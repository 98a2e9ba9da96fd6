/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { createPublicKey, verify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "#base/clock";
import type { Clock } from "#base/clock";
import { hasOwnServers, admin, agentOf, type ApiUnderTest, type Reply, waysIn } from "./api-under-test.ts";
import { boundPod, inDefault, must, pod, pods } from "./objects.ts";

const accounts = `${inDefault}/serviceaccounts`;
const issuer = "https://kubernetes.default.svc.cluster.local";
const reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
const whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/** A clock that tests can move; what waits goes on as ever. */
function movableClock(): Clock & { forward(seconds: number): void } {
  let aheadMs = 0;
  return {
    now: () => systemClock.now() + aheadMs,
    monotonic: () => systemClock.monotonic(),
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
    forward: (seconds) => {
      aheadMs += seconds * 1000;
    },
  };
}

describe.each(waysIn)("tokens %s", (_way, start) => {
  let api: ApiUnderTest;
  const clock = movableClock();
  let uid: string;

  const ask = (spec: object = {}, as = admin, account = "builder"): Promise<Reply> =>
    api.request("POST", `${accounts}/${account}/token`, { as, body: { spec } });
  const issue = async (spec: object = {}): Promise<string> => (await must(ask(spec))).body.status.token as string;
  const review = async (token: string, audiences?: readonly string[]): Promise<Reply["body"]> =>
    (await must(api.request("POST", reviews, { body: { spec: { token, ...(audiences && { audiences }) } } }))).body.status;
  const claimsOf = (token: string): Reply["body"] => JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const uidOf = async (path: string): Promise<string> => (await must(api.request("GET", path))).body.metadata.uid as string;
  const boundTo = (kind: string, name: string, of?: string): object => ({
    boundObjectRef: { apiVersion: "v1", kind, name, ...(of !== undefined && { uid: of }) },
  });

  beforeAll(async () => {
    api = await start({ clock });
    for (const name of ["builder", "other"]) await must(api.request("POST", accounts, { body: { metadata: { name } } }));
    uid = await uidOf(`${accounts}/builder`);
    await must(api.request("POST", "/api/v1/nodes", { body: { metadata: { name: "n1" } } }));
    await boundPod(api, "web", "n1", { serviceAccountName: "builder" });
  });
  afterAll(() => api.close());

  // Source: pkg/serviceaccount/claims.go and pkg/registry/core/serviceaccount/storage/token.go.
  test.runIf(hasOwnServers)("say whose they are, for whom, and how long, in upstream's claims", async () => {
    const before = Math.floor(clock.now() / 1000);
    const { status, body } = await ask({ audiences: ["vault"], expirationSeconds: 600 });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      kind: "TokenRequest",
      apiVersion: "authentication.k8s.io/v1",
      metadata: { name: "builder", namespace: "default" },
      spec: { audiences: ["vault"], expirationSeconds: 600 },
    });
    const claims = claimsOf(body.status.token as string);
    expect(claims).toMatchObject({
      aud: ["vault"],
      iss: issuer,
      sub: "system:serviceaccount:default:builder",
      "kubernetes.io": { namespace: "default", serviceaccount: { name: "builder", uid } },
    });
    expect(claims.iat).toBeGreaterThanOrEqual(before);
    expect([claims.nbf, claims.exp]).toEqual([claims.iat, (claims.iat as number) + 600]);
    expect(claims.jti).toMatch(/^[0-9a-f-]{36}$/);
    expect(Date.parse(body.status.expirationTimestamp as string) / 1000).toBe(claims.exp);
  });

  test("last an hour and are meant for the API server unless asked otherwise", async () => {
    const { spec } = (await must(ask())).body;
    expect(spec).toEqual({ audiences: [issuer], expirationSeconds: 3600 });
  });

  // Source: WarnOnlyBoundTokenExpirationSeconds and ExpirationExtensionSeconds in pkg/serviceaccount/claims.go.
  test("of agents live a year, and say that an hour was meant", async () => {
    const of = await uidOf(`${pods}/web`);
    const nodeUid = await uidOf("/api/v1/nodes/n1");
    const { body } = await ask({ expirationSeconds: 3607, ...boundTo("Pod", "web", of) }, agentOf("n1"));
    const claims = claimsOf(body.status.token as string);
    expect(claims["kubernetes.io"]).toMatchObject({
      pod: { name: "web", uid: of },
      node: { name: "n1", uid: nodeUid },
      warnafter: (claims.iat as number) + 3607,
    });
    expect((claims.exp as number) - (claims.iat as number)).toBe(365 * 24 * 3600);
    expect(Date.parse(body.status.expirationTimestamp as string) / 1000 - (claims.iat as number)).toBe(3607);
    const unbound = claimsOf(await issue({ expirationSeconds: 3607 }));
    expect((unbound.exp as number) - (unbound.iat as number)).toBe(3607);
  });

  // Source: pkg/apis/authentication/validation and TokenREST.Create.
  test.each([
    [
      { expirationSeconds: 599 },
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
    ],
    [
      { expirationSeconds: 2 ** 32 + 1 },
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
    ],
    [boundTo("ConfigMap", "a"), 400, "cannot bind token to object of type /v1, Kind=ConfigMap"],
    [boundTo("Pod", "nobody"), 404, 'pods "nobody" not found'],
    [boundTo("Secret", "nobody"), 404, 'secrets "nobody" not found'],
    [boundTo("Node", "nobody"), 404, 'nodes "nobody" not found'],
    [
      boundTo("Pod", "web", "stale"),
      409,
      'Operation cannot be fulfilled on Pod "web": the UID in the bound object reference (stale) does not match the UID in record. The object might have been deleted and then recreated',
    ],
  ])("are refused: %#", async (spec, status, message) => {
    const reply = await ask(spec);
    expect([reply.status, reply.body.message]).toEqual([status, message]);
  });

  test("are not bound to a pod of another account, and need one that exists", async () => {
    const other = await ask(boundTo("Pod", "web"), admin, "other");
    expect([other.status, other.body.message]).toEqual([
      400,
      'cannot bind token for serviceaccount "other" to pod running with different serviceaccount name.',
    ]);
    const nobody = await ask({}, admin, "nobody");
    expect([nobody.status, nobody.body.message]).toEqual([404, 'serviceaccounts "nobody" not found']);
  });

  test("make their holder the account, to all who ask", async () => {
    const of = await uidOf(`${pods}/web`);
    const token = await issue(boundTo("Pod", "web"));
    const user = {
      username: "system:serviceaccount:default:builder",
      uid,
      groups: ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
      extra: {
        "authentication.kubernetes.io/credential-id": [`JTI=${claimsOf(token).jti as string}`],
        "authentication.kubernetes.io/node-name": ["n1"],
        "authentication.kubernetes.io/node-uid": [await uidOf("/api/v1/nodes/n1")],
        "authentication.kubernetes.io/pod-name": ["web"],
        "authentication.kubernetes.io/pod-uid": [of],
      },
    };
    const asked = await api.request("POST", whoami, { as: { token }, body: {} });
    expect([asked.status, asked.body.status.userInfo]).toEqual([201, user]);
    expect(await review(token)).toEqual({ authenticated: true, user, audiences: [issuer] });
    const refused = await api.request("GET", pods, { as: { token } });
    expect([refused.status, refused.body.message]).toEqual([
      403,
      'pods is forbidden: User "system:serviceaccount:default:builder" cannot list resource "pods" in API group "" in the namespace "default"',
    ]);
  });

  test("are good for whom they are meant alone", async () => {
    const token = await issue({ audiences: ["vault", "db"] });
    expect((await api.request("POST", whoami, { as: { token }, body: {} })).status).toBe(401);
    expect((await review(token, ["db", "web"])).audiences).toEqual(["db"]);
    expect(await review(token)).toMatchObject({
      error: `[invalid bearer token, token audiences ["vault" "db"] is invalid for the target audiences ["${issuer}"]]`,
    });
  });

  test("that somebody else signed, or changed, are 401", async () => {
    const [head = "", payload = "", signature = ""] = (await issue()).split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: "system:serviceaccount:kube-system:admin" })).toString(
      "base64url",
    );
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    const foreign = Buffer.from(JSON.stringify({ ...claims, iss: "https://elsewhere" })).toString("base64url");
    for (const token of [
      [head, forged, signature].join("."),
      [none, payload, ""].join("."),
      [head, payload, ""].join("."),
      [head, foreign, signature].join("."),
      "not.a.token",
      "..",
    ]) {
      const { status, body } = await api.request("POST", whoami, { as: { token }, body: {} });
      expect([token, status, body.message]).toEqual([token, 401, "Unauthorized"]);
      expect((await review(token)).authenticated).toBeUndefined();
    }
  });

  test("end with their account, and are not those of the next one of its name", async () => {
    await must(api.request("POST", accounts, { body: { metadata: { name: "short" } } }));
    const token = (await must(ask({}, admin, "short"))).body.status.token as string;
    expect((await review(token)).authenticated).toBe(true);
    await must(api.request("DELETE", `${accounts}/short`));
    expect((await review(token)).authenticated).toBeUndefined();
    await must(api.request("POST", accounts, { body: { metadata: { name: "short" } } }));
    expect((await review(token)).error).toContain("does not match claim");
  });

  test.each([
    ["Secret", `${inDefault}/secrets`, { metadata: { name: "bound" } }],
    ["Pod", pods, pod("bound", { serviceAccountName: "builder" })],
    ["Node", "/api/v1/nodes", { metadata: { name: "bound" } }],
  ])("end with the %s they are bound to", async (kind, path, body) => {
    await must(api.request("POST", path, { body }));
    const token = await issue(boundTo(kind, "bound"));
    expect((await review(token)).authenticated).toBe(true);
    await must(api.request("DELETE", `${path}/bound`, { body: { gracePeriodSeconds: 0 } }));
    expect((await review(token)).error).toBe("[invalid bearer token, service account token has been invalidated]");
  });

  test.runIf(hasOwnServers)("end when their time is over, with a minute for clocks that differ", async () => {
    const token = await issue({ expirationSeconds: 600 });
    clock.forward(640);
    expect((await review(token)).authenticated).toBe(true);
    clock.forward(30);
    expect((await review(token)).error).toBe("[invalid bearer token, service account token has expired]");
    expect((await api.request("POST", whoami, { as: { token }, body: {} })).status).toBe(401);
  });

  test("can be verified by others with the published key", async () => {
    if (!api.isHttp) return;
    const reader = { token: await issue() };
    const { body: configuration } = await must(api.request("GET", "/.well-known/openid-configuration", { as: reader }));
    expect(configuration).toMatchObject({ issuer, id_token_signing_alg_values_supported: ["ES256"] });
    const keySet = await must(api.request("GET", new URL(configuration.jwks_uri as string).pathname, { as: reader }));
    expect(keySet.headers["content-type"]).toBe("application/jwk-set+json");
    const [head = "", payload = "", signature = ""] = reader.token.split(".");
    const { kid } = JSON.parse(Buffer.from(head, "base64url").toString()) as { kid: string };
    const jwk = (keySet.body.keys as { kid: string }[]).find((key) => key.kid === kid);
    const key = createPublicKey({ key: jwk as never, format: "jwk" });
    const signed = Buffer.from(`${head}.${payload}`);
    const asGiven = Buffer.from(signature, "base64url");
    expect(verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, asGiven)).toBe(true);
    expect((await api.request("GET", "/openid/v1/jwks", { as: {} })).status).toBe(403);
    expect((await api.request("GET", "/openid/v1/jwks", { as: { user: "jane" } })).status).toBe(403);
  });

  // Source: admitServiceAccount and validateNodeServiceAccountAudience in plugin/pkg/admission/noderestriction/admission.go.
  test("are given to an agent only for pods on its node, bound to them, for whom they ask", async () => {
    const of = await uidOf(`${pods}/web`);
    const forbidden = 'serviceaccounts "builder" is forbidden: ';
    const cases: [object, string][] = [
      [{}, `${forbidden}node requested token not bound to a pod`],
      [boundTo("Secret", "web", of), `${forbidden}node requested token not bound to a pod`],
      [boundTo("Pod", "web"), `${forbidden}node requested token with a pod binding without a uid`],
      [
        boundTo("Pod", "web", "stale"),
        `${forbidden}the UID in the bound object reference (stale) does not match the UID in record. The object might have been deleted and then recreated`,
      ],
      [
        { ...boundTo("Pod", "web", of), audiences: ["vault"] },
        `${forbidden}audience "vault" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience`,
      ],
    ];
    for (const [spec, message] of cases) {
      const { status, body } = await ask(spec, agentOf("n1"));
      expect([status, body.message]).toEqual([403, message]);
    }
    expect((await ask(boundTo("Pod", "web", of), agentOf("n1"))).status).toBe(201);
    const elsewhere = await ask(boundTo("Pod", "web", of), agentOf("n2"));
    expect(elsewhere.status).toBe(403);
    expect(elsewhere.body.message).toContain("no relationship found between node 'n2' and this object");
    const ofOther = await ask(boundTo("Pod", "web", of), agentOf("n1"), "other");
    expect(ofOther.body.message).toContain("no relationship found between node 'n1' and this object");
  });

  test("can be asked about, by who may, and by nobody without one", async () => {
    const missing = await api.request("POST", reviews, { body: { spec: {} } });
    expect([missing.status, missing.body.message]).toEqual([400, "token is required for TokenReview in authentication"]);
    expect((await review("unknown")).error).toBe("invalid bearer token");
    expect((await api.request("POST", reviews, { as: { token: await issue() }, body: { spec: { token: "x" } } })).status).toBe(
      403,
    );
    expect((await api.request("GET", reviews)).status).toBe(405);
    const self = await api.request("POST", whoami, { as: { user: "jane", groups: ["developers"] }, body: {} });
    expect(self.body.status.userInfo).toMatchObject({ username: "jane", groups: ["developers", "system:authenticated"] });
    expect((await api.request("POST", whoami, { as: {}, body: {} })).status).toBe(403);
  });
});
