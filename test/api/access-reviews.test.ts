/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admin, agentOf, type ApiUnderTest, type Identity, type Reply, scheduler, waysIn } from "./api-under-test.ts";
import { boundPod } from "./objects.ts";

const group = "/apis/authorization.k8s.io/v1";
const inDefault = `${group}/namespaces/default/localsubjectaccessreviews`;
const nobody: Identity = { user: "jane" };

// Source: kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access, pkg/registry/authorization and
// pkg/apis/authorization/validation.
describe.each(waysIn)("access reviews %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
    await api.request("POST", "/api/v1/nodes", { body: { metadata: { name: "n1" } } });
    await boundPod(api, "web", "n1", {});
  });
  afterAll(() => api.close());

  const ask = (path: string, spec: object, as: Identity = admin, metadata = {}): Promise<Reply> =>
    api.request("POST", path, { as, body: { metadata, spec } });
  const mayI = async (spec: object, as: Identity): Promise<Reply["body"]> => {
    const { status, body } = await ask(`${group}/selfsubjectaccessreviews`, spec, as);
    expect(status).toBe(201);
    return body.status;
  };

  test("say to everybody what they may, with the question", async () => {
    const spec = { resourceAttributes: { verb: "list", resource: "pods", namespace: "default" } };
    const { status, body } = await ask(`${group}/selfsubjectaccessreviews`, spec, nobody);
    expect(status).toBe(201);
    expect(body).toMatchObject({ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec });
    expect(body.status).toEqual({ allowed: false });
    expect(await mayI(spec, scheduler)).toEqual({ allowed: true });
    expect(await mayI({ resourceAttributes: { verb: "*", group: "*", resource: "*" } }, admin)).toEqual({ allowed: true });
    expect(await mayI({ resourceAttributes: { verb: "*", group: "*", resource: "*" } }, scheduler)).toEqual({ allowed: false });
  });

  test.each([
    [{ resourceAttributes: { verb: "update", resource: "pods", subresource: "status" } }, true],
    [{ resourceAttributes: { verb: "update", resource: "pods" } }, false],
    [
      {
        resourceAttributes: {
          verb: "get",
          group: "coordination.k8s.io",
          resource: "leases",
          namespace: "kube-system",
          name: "kube-scheduler",
        },
      },
      true,
    ],
    [
      {
        resourceAttributes: {
          verb: "get",
          group: "coordination.k8s.io",
          resource: "leases",
          namespace: "default",
          name: "kube-scheduler",
        },
      },
      false,
    ],
    [{ nonResourceAttributes: { verb: "get", path: "/apis/apps" } }, true],
    [{ nonResourceAttributes: { verb: "get", path: "/metrics" } }, false],
  ])("answer as the request itself would be answered: %j is %j", async (spec, allowed) => {
    expect(await mayI(spec, scheduler)).toEqual({ allowed });
  });

  test("look at field selectors, and say when they cannot be read", async () => {
    const pods = (fieldSelector: object): object => ({ resourceAttributes: { verb: "list", resource: "pods", fieldSelector } });
    const agent = agentOf("n1");
    expect((await mayI(pods({ rawSelector: "spec.nodeName=n1" }), agent)).allowed).toBe(true);
    expect((await mayI(pods({ requirements: [{ key: "spec.nodeName", operator: "In", values: ["n1"] }] }), agent)).allowed).toBe(
      true,
    );
    expect(
      (await mayI(pods({ requirements: [{ key: "spec.nodeName", operator: "NotIn", values: ["n1"] }] }), agent)).allowed,
    ).toBe(false);
    expect(await mayI(pods({ rawSelector: "a=b=c" }), agent)).toMatchObject({
      allowed: false,
      evaluationError: "spec.resourceAttributes.fieldSelector ignored due to parse error",
    });
    const labels = { verb: "list", resource: "pods", labelSelector: { rawSelector: "a in" } };
    expect(await mayI({ resourceAttributes: labels }, scheduler)).toEqual({
      allowed: true,
      evaluationError: "spec.resourceAttributes.labelSelector ignored due to parse error",
    });
  });

  test("say to an administrator what others may, and to nobody else", async () => {
    const spec = { user: "system:kube-scheduler", resourceAttributes: { verb: "list", resource: "nodes" } };
    expect((await ask(`${group}/subjectaccessreviews`, spec)).body.status).toEqual({ allowed: true });
    const byGroup = { groups: ["system:masters"], resourceAttributes: { verb: "delete", resource: "nodes" } };
    expect((await ask(`${group}/subjectaccessreviews`, byGroup)).body.status).toEqual({ allowed: true });
    expect((await ask(`${group}/subjectaccessreviews`, spec, nobody)).status).toBe(403);
    expect((await ask(`${group}/subjectaccessreviews`, spec, agentOf("n1"))).body.status).toEqual({ allowed: true });
  });

  test("can be asked in a namespace, about that namespace alone", async () => {
    const spec = (namespace: string): object => ({
      user: "jane",
      resourceAttributes: { namespace, verb: "list", resource: "pods" },
    });
    const { status, body } = await ask(inDefault, spec("default"));
    expect(status).toBe(201);
    expect(body.metadata.namespace).toBe("default");
    expect(body.status).toEqual({ allowed: false });
    expect((await ask(inDefault, spec("other"))).body.details.causes).toEqual([
      {
        reason: "FieldValueInvalid",
        message: 'Invalid value: "other": must match metadata.namespace',
        field: "spec.resourceAttributes.namespace",
      },
    ]);
    const { body: mismatch } = await ask(inDefault, spec("default"), admin, { namespace: "other" });
    expect(mismatch.message).toBe("the namespace of the provided object does not match the namespace sent on the request");
    const paths = { user: "jane", nonResourceAttributes: { verb: "get", path: "/" } };
    expect((await ask(inDefault, paths)).body.message).toContain("disallowed on this kind of request");
  });

  test.each<[string, string, object, object, string]>([
    [
      "nothing asked",
      "selfsubjectaccessreviews",
      {},
      {},
      'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ],
    [
      "two questions",
      "selfsubjectaccessreviews",
      { resourceAttributes: {}, nonResourceAttributes: { path: "/" } },
      {},
      'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"path":"/"}: cannot be specified in combination with resourceAttributes',
    ],
    [
      "nobody asked about",
      "subjectaccessreviews",
      { resourceAttributes: { verb: "get" } },
      {},
      'SubjectAccessReview.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified',
    ],
    [
      "a name",
      "selfsubjectaccessreviews",
      { resourceAttributes: { verb: "get" } },
      { name: "x" },
      'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: metadata: Invalid value: {"name":"x"}: must be empty',
    ],
  ])("refuse %s", async (_what, resource, spec, metadata, message) => {
    const { status, body } = await ask(`${group}/${resource}`, spec, admin, metadata);
    expect(status).toBe(422);
    expect(body.message).toBe(message);
  });

  test("list what somebody may do in a namespace", async () => {
    const rules = async (as: Identity, namespace: string): Promise<Reply["body"]> =>
      (await ask(`${group}/selfsubjectrulesreviews`, { namespace }, as)).body;
    const { spec, status } = await rules(admin, "default");
    expect(spec).toEqual({});
    expect(status.resourceRules).toContainEqual({ verbs: ["*"], apiGroups: ["*"], resources: ["*"] });
    expect(status.nonResourceRules).toContainEqual({ verbs: ["*"], nonResourceURLs: ["*"] });
    expect(status.incomplete).toBe(false);
    const lease = {
      verbs: ["get", "update", "patch"],
      apiGroups: ["coordination.k8s.io"],
      resources: ["leases"],
      resourceNames: ["kube-scheduler"],
    };
    expect((await rules(scheduler, "kube-system")).status.resourceRules).toContainEqual(lease);
    expect((await rules(scheduler, "default")).status.resourceRules).not.toContainEqual(lease);
    expect((await rules(agentOf("n1"), "default")).status).toMatchObject({
      incomplete: true,
      evaluationError: "node authorizer does not support user rule resolution",
    });
    expect((await rules(admin, "")).message).toBe("no namespace on request");
  });
});
