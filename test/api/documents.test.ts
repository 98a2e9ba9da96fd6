/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admin, type ApiUnderTest, waysIn } from "./api-under-test.ts";
import { configMap, configMaps } from "./objects.ts";

const [, start] = waysIn[0] ?? ["", () => Promise.reject(new Error("no HTTPS"))];
const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

describe("beside its resources an API server", () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api.close());

  test("lists its groups and versions", async () => {
    const core = await api.request("GET", "/api");
    expect(core.body).toMatchObject({ kind: "APIVersions", versions: ["v1"] });
    const groups = await api.request("GET", "/apis");
    expect(groups.body.kind).toBe("APIGroupList");
    expect((groups.body.groups as { name: string }[]).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["apps", "coordination.k8s.io"]),
    );
    const apps = await api.request("GET", "/apis/apps");
    expect(apps.body).toMatchObject({ kind: "APIGroup", name: "apps", preferredVersion: { groupVersion: "apps/v1" } });
  });

  test("lists the resources of a version", async () => {
    const { body } = await api.request("GET", "/api/v1");
    expect([body.kind, body.groupVersion]).toEqual(["APIResourceList", "v1"]);
    const resources = body.resources as { name: string }[];
    expect(resources.find(({ name }) => name === "pods")).toEqual({
      name: "pods",
      singularName: "pod",
      namespaced: true,
      kind: "Pod",
      verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
      shortNames: ["po"],
      categories: ["all"],
    });
    expect(resources.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["pods/binding", "pods/exec", "pods/log", "pods/status", "namespaces/finalize", "nodes/status"]),
    );
    expect(resources.find(({ name }) => name === "pods/exec")).toMatchObject({
      kind: "PodExecOptions",
      verbs: ["create", "get"],
    });
    const apps = await api.request("GET", "/apis/apps/v1");
    expect((apps.body.resources as { name: string }[]).find(({ name }) => name === "deployments/scale")).toMatchObject({
      kind: "Scale",
      group: "autoscaling",
      version: "v1",
    });
  });

  test("answers everything at once to who asks for the aggregated form", async () => {
    const { headers, body } = await api.request("GET", "/apis", { accept: aggregated });
    expect(headers["content-type"]).toBe("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    expect(body.kind).toBe("APIGroupDiscoveryList");
    const apps = (body.items as { metadata: { name: string }; versions: { resources: object[] }[] }[]).find(
      ({ metadata }) => metadata.name === "apps",
    );
    expect(apps?.versions[0]?.resources[0]).toMatchObject({
      resource: "deployments",
      responseKind: { group: "apps", version: "v1", kind: "Deployment" },
      scope: "Namespaced",
      singularResource: "deployment",
      shortNames: ["deploy"],
      subresources: [{ subresource: "scale" }, { subresource: "status" }],
    });
  });

  test("declares in OpenAPI v3 that a PATCH takes fieldValidation, under a hash that is for good", async () => {
    const { body } = await api.request("GET", "/openapi/v3");
    const url = String(body.paths["apis/apps/v1"].serverRelativeURL);
    expect(url).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
    const document = await api.request("GET", url);
    expect(document.headers["cache-control"]).toBe("public, immutable");
    const { patch } = document.body.paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
    expect(patch["x-kubernetes-group-version-kind"]).toEqual({ group: "apps", version: "v1", kind: "Deployment" });
    expect((patch.parameters as { name: string }[]).map(({ name }) => name)).toContain("fieldValidation");
    expect(document.body.components.schemas["io.k8s.api.apps.v1.Deployment"]["x-kubernetes-group-version-kind"]).toEqual([
      { group: "apps", version: "v1", kind: "Deployment" },
    ]);
  });

  test("refers in OpenAPI only to schemas that are there", async () => {
    for (const path of ["api/v1", "apis/apps/v1", "apis/coordination.k8s.io/v1"]) {
      const { text, body } = await api.request("GET", `/openapi/v3/${path}`);
      const references = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? "");
      expect(references.filter((name) => !Object.hasOwn(body.components.schemas as object, name))).toEqual([]);
    }
  });

  test.each(["/healthz", "/livez", "/readyz", "/version"])("answers %s to everybody", async (path) => {
    expect((await api.request("GET", path, { as: {} })).status).toBe(200);
  });

  test("says its version", async () => {
    const { body } = await api.request("GET", "/version");
    expect([body.major, body.minor]).toEqual(["1", "36"]);
  });

  // Source: apimachinery's OpenAPIV3OneOfTypes; kubectl explain calls a type by its name only when it is not of one type.
  test("say what may be a number or a text", async () => {
    const { body } = await api.request("GET", "/openapi/v3/api/v1");
    const { schemas } = body.components;
    expect(schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]).toMatchObject({
      format: "int-or-string",
      oneOf: [{ type: "integer" }, { type: "string" }],
    });
    const quantity = schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"];
    expect(quantity.oneOf).toEqual([{ type: "string" }, { type: "number" }]);
    expect(quantity).not.toHaveProperty("type");
    const ports = schemas["io.k8s.api.core.v1.ServicePort"].properties;
    // A reference that says something of its own, too, stands in an allOf.
    expect(ports.targetPort.allOf?.[0] ?? ports.targetPort).toEqual({
      $ref: "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    });
  });

  test.each(["/api", "/apis", "/openapi/v3"])("answers %s to nobody unknown", async (path) => {
    const { status, body } = await api.request("GET", path, { as: {} });
    expect([status, body.message]).toEqual([403, `forbidden: User "system:anonymous" cannot get path "${path}"`]);
  });

  test("knows no other path", async () => {
    expect((await api.request("GET", "/nothing")).status).toBe(404);
    expect((await api.request("GET", "/apis/none/v1/things")).status).toBe(404);
  });

  test("answers HEAD where there are no resources, as upstream's routes have it", async () => {
    const head = await api.request("HEAD", "/version");
    expect([head.status, head.text]).toEqual([200, ""]);
    expect((await api.request("HEAD", `${configMaps}/none`)).status).toBe(405);
  });

  test("does not read more of a body than a request may have", async () => {
    const body = JSON.stringify(configMap("huge", { data: { a: "x".repeat(3 * 1024 * 1024) } }));
    const { status, body: refused } = await api.request("POST", configMaps, { body });
    expect([status, refused.reason]).toEqual([413, "RequestEntityTooLarge"]);
  });

  test("refuses methods it does not know", async () => {
    const { status } = await api.request("OPTIONS", configMaps, { as: admin });
    expect(status).toBe(405);
  });
});
