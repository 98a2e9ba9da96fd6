/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiUnderTest, type Reply, waysIn } from "./api-under-test.ts";
import { configMap, configMaps, deployment, deployments, must, pod, pods } from "./objects.ts";

const json = "application/json-patch+json";
const merge = "application/merge-patch+json";
const strategic = "application/strategic-merge-patch+json";

describe.each(waysIn)("patches %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
    await must(api.request("POST", deployments, { body: deployment("web") }));
    await must(api.request("POST", configMaps, { body: configMap("map", { data: { a: "1", b: "2" } }) }));
  });
  afterAll(() => api.close());
  const patch = (path: string, contentType: string, body: object): Promise<Reply> =>
    api.request("PATCH", path, { body, contentType });

  test("merge, and remove by null", async () => {
    const { status, body } = await patch(`${configMaps}/map`, merge, { data: { a: null, c: "3" } });
    expect([status, body.data]).toEqual([200, { b: "2", c: "3" }]);
  });

  test("by operations, all or none", async () => {
    const good = await patch(`${configMaps}/map`, json, [
      { op: "test", path: "/data/b", value: "2" },
      { op: "add", path: "/data/x~1y", value: "z" },
      { op: "remove", path: "/data/x~1y" },
      { op: "replace", path: "/data/b", value: "22" },
    ]);
    expect([good.status, good.body.data.b]).toEqual([200, "22"]);
    const bad = await patch(`${configMaps}/map`, json, [
      { op: "replace", path: "/data/b", value: "33" },
      { op: "test", path: "/data/b", value: "22" },
    ]);
    expect([bad.status, bad.body.reason]).toEqual([422, "Invalid"]);
    expect(bad.body.message).toContain("the server rejected our request due to an error in our request");
    expect((await api.request("GET", `${configMaps}/map`)).body.data.b).toBe("22");
    expect((await patch(`${configMaps}/map`, json, { op: "add" })).status).toBe(400);
  });

  test("merge lists by their keys, which only the strategic kind knows", async () => {
    const container = { name: "c", env: [{ name: "A", value: "1" }] };
    const one = await patch(`${deployments}/web`, strategic, { spec: { template: { spec: { containers: [container] } } } });
    expect(one.body.spec.template.spec.containers).toMatchObject([
      { name: "c", image: "nginx:1", env: [{ name: "A", value: "1" }] },
    ]);
    const two = await patch(`${deployments}/web`, strategic, {
      spec: { template: { spec: { containers: [{ name: "d", image: "d:1" }] } } },
    });
    const names = (two.body.spec.template.spec.containers as { name: string }[]).map(({ name }) => name);
    expect([...names].sort()).toEqual(["c", "d"]);
    const three = await patch(`${deployments}/web`, strategic, {
      spec: { template: { spec: { containers: [{ name: "d", $patch: "delete" }] } } },
    });
    expect(three.body.spec.template.spec.containers).toHaveLength(1);
    const replaced = await patch(`${deployments}/web`, merge, {
      spec: { template: { spec: { containers: [{ name: "e", image: "e:1" }] } } },
    });
    expect(replaced.body.spec.template.spec.containers).toHaveLength(1);
  });

  test("obey a version in them", async () => {
    const { body } = await api.request("GET", `${configMaps}/map`);
    const stale = await patch(`${configMaps}/map`, merge, { metadata: { resourceVersion: "1" }, data: { s: "1" } });
    expect([stale.status, stale.body.reason]).toEqual([409, "Conflict"]);
    const resourceVersion = String(body.metadata.resourceVersion);
    expect((await patch(`${configMaps}/map`, merge, { metadata: { resourceVersion }, data: { s: "1" } })).status).toBe(200);
  });

  test("do not rename, and do not make", async () => {
    expect((await patch(`${configMaps}/map`, merge, { metadata: { name: "other" } })).status).toBe(400);
    expect((await patch(`${configMaps}/none`, merge, { data: {} })).status).toBe(404);
  });

  test("must give an object of the kind", async () => {
    const { status, body } = await patch(`${deployments}/web`, merge, { spec: { replicas: "many" } });
    expect([status, body.reason]).toEqual([422, "Invalid"]);
    expect(body.details.causes[0]).toMatchObject({ reason: "FieldValueInvalid", field: "patch" });
    expect(body.message).toContain(
      "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    const lost = await patch(`${deployments}/web`, strategic, { spec: { template: { spec: { containers: [{ image: "x" }] } } } });
    expect([lost.status, lost.body.message]).toEqual([400, "map: map[image:x] does not contain declared merge key: name"]);
  });

  // kubectl does not look at a patch that begins like JSON: the user reads what the server says of it.
  test.each([merge, strategic, json])("in %s that are not JSON are refused in Go's words", async (contentType) => {
    const { status, body } = await api.request("PATCH", `${configMaps}/map`, { body: '{"data":', contentType });
    expect([status, body.reason, body.message]).toEqual([400, "BadRequest", "unexpected end of JSON input"]);
  });

  test("are validated like any other write", async () => {
    const { status, body } = await patch(`${deployments}/web`, merge, { spec: { selector: { matchLabels: { app: "x" } } } });
    expect(status).toBe(422);
    expect(body.details).toMatchObject({ name: "web", group: "apps", kind: "Deployment" });
    expect((body.details.causes as { field: string }[]).map(({ field }) => field)).toContain("spec.selector");
  });

  test("of unknown fields warn, refuse or say nothing, as asked", async () => {
    const unknown = { data: { z: "1" }, datta: {} };
    const warned = await patch(`${configMaps}/map`, merge, unknown);
    expect([warned.status, warned.warnings]).toEqual([200, ['unknown field "datta"']]);
    const quiet = await patch(`${configMaps}/map?fieldValidation=Ignore`, merge, unknown);
    expect([quiet.status, quiet.warnings]).toEqual([200, []]);
    const strict = await patch(`${configMaps}/map?fieldValidation=Strict`, strategic, unknown);
    expect([strict.status, strict.body.message]).toEqual([
      422,
      ' "" is invalid: patch: Invalid value: "map[data:map[z:1] datta:map[]]": strict decoding error: unknown field "datta"',
    ]);
  });

  test("of another media type are not understood", async () => {
    const { status, body } = await patch(`${configMaps}/map`, "application/json", {});
    expect([status, body.reason]).toEqual([415, "UnsupportedMediaType"]);
    expect(body.message).toContain("application/json-patch+json, application/merge-patch+json");
  });
});

describe.each(waysIn)("bodies %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api.close());
  const misspelt = '{"metadata":{"name":"m"},"data":{"a":"1","a":"2"},"dta":{}}';

  test("with unknown and repeated fields are warned of by default", async () => {
    const { status, warnings, body } = await api.request("POST", configMaps, { body: misspelt });
    expect([status, warnings, body.data]).toEqual([201, ['duplicate field "data.a"', 'unknown field "dta"'], { a: "2" }]);
  });

  test("are taken as they are with fieldValidation=Ignore", async () => {
    const { status, warnings } = await api.request("POST", `${configMaps}?fieldValidation=Ignore&dryRun=All`, {
      body: misspelt.replace('"m"', '"n"'),
    });
    expect([status, warnings]).toEqual([201, []]);
  });

  test("are refused with fieldValidation=Strict, in upstream's words", async () => {
    const { status, body } = await api.request("POST", `${configMaps}?fieldValidation=Strict`, { body: misspelt });
    expect([status, body.reason, body.message]).toEqual([
      400,
      "BadRequest",
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a", unknown field "dta"',
    ]);
  });

  test("know no other validation", async () => {
    expect((await api.request("POST", `${configMaps}?fieldValidation=Hard`, { body: configMap("x") })).status).toBe(422);
  });

  test.each([
    [{ kind: "Secret", apiVersion: "v1", metadata: { name: "x" } }, "cannot be handled as a ConfigMap"],
    [
      { metadata: { name: "x" }, data: { a: 1 } },
      "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
    ],
    ["{", "couldn't get version/kind; json parse error"],
    ["[]", "cannot unmarshal array"],
  ])("like %j are refused", async (given, words) => {
    const { status, body } = await api.request("POST", configMaps, { body: given });
    expect([status, body.reason]).toEqual([400, "BadRequest"]);
    expect(body.message).toContain(words);
  });

  test("may be YAML", async () => {
    const text = "metadata:\n  name: yaml\ndata:\n  a: 'yes'\n";
    const { status, body } = await api.request("POST", configMaps, { body: text, contentType: "application/yaml" });
    expect([status, body.data]).toEqual([201, { a: "yes" }]);
  });

  test("may not be of another media type", async () => {
    const { status, body } = await api.request("POST", configMaps, { body: "x", contentType: "text/plain" });
    expect([status, body.reason]).toEqual([415, "UnsupportedMediaType"]);
  });

  test("that break rules are refused with a cause each", async () => {
    const { status, body } = await api.request("POST", pods, { body: pod("Bad_Name", { containers: [] }) });
    expect(status).toBe(422);
    expect(body.message).toMatch(/^Pod "Bad_Name" is invalid: \[metadata\.name: Invalid value: "Bad_Name": a lowercase RFC 1123/);
    expect(body.details).toMatchObject({ name: "Bad_Name", kind: "Pod" });
    expect(body.details.causes).toEqual([
      {
        reason: "FieldValueInvalid",
        field: "metadata.name",
        message: expect.stringMatching(/^Invalid value: "Bad_Name"/) as string,
      },
      { reason: "FieldValueRequired", field: "spec.containers", message: "Required value" },
    ]);
  });

  test("that are refused are still warned of", async () => {
    const { status, warnings } = await api.request("POST", pods, { body: { ...pod("A"), specc: {} } });
    expect([status, warnings]).toEqual([422, ['unknown field "specc"']]);
  });

  test("larger than an object may be are refused", async () => {
    const containers = [{ name: "c", image: "i", env: [{ name: "LARGE", value: "x".repeat(1_600_000) }] }];
    const { status, body } = await api.request("POST", pods, { body: pod("large", { containers }) });
    expect([status, body.reason]).toEqual([413, "RequestEntityTooLarge"]);
  });
});
