/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiUnderTest, waysIn } from "./api-under-test.ts";
import { boundPod, configMap, configMaps, deployment, deployments, inDefault, must, pods } from "./objects.ts";

const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
const partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const partialList = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

describe.each(waysIn)("forms of answers %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
    await must(api.request("POST", configMaps, { body: configMap("a", { data: { x: "1", y: "2" } }) }));
    await boundPod(api, "p", "n1");
    await must(api.request("POST", deployments, { body: deployment("web") }));
    await must(
      api.request("POST", `${inDefault}/events`, {
        body: {
          metadata: { name: "e" },
          involvedObject: { kind: "Pod", name: "p", namespace: "default" },
          reason: "Started",
          message: "it runs\n",
          type: "Normal",
          lastTimestamp: "2001-01-01T00:00:00Z",
        },
      }),
    );
  });
  afterAll(() => api.close());

  test("a list as a Table has kubectl's columns and rows with metadata", async () => {
    const { body } = await api.request("GET", configMaps, { accept: `${table},application/json` });
    expect([body.kind, body.apiVersion]).toEqual(["Table", "meta.k8s.io/v1"]);
    expect((body.columnDefinitions as { name: string; format: string; priority: number }[]).map(({ name }) => name)).toEqual([
      "Name",
      "Data",
      "Age",
    ]);
    expect(body.rows).toHaveLength(1);
    expect(body.rows[0].cells).toEqual(["a", 2, expect.stringMatching(/^\d+s$/)]);
    expect(body.rows[0].object).toMatchObject({
      kind: "PartialObjectMetadata",
      apiVersion: "meta.k8s.io/v1",
      metadata: { name: "a", namespace: "default" },
    });
    expect(body.metadata.resourceVersion).toBeDefined();
  });

  test.each([
    ["None", undefined],
    ["Metadata", "PartialObjectMetadata"],
    ["Object", "ConfigMap"],
  ])("rows include %s of the object", async (include, kind) => {
    const { body } = await api.request("GET", `${configMaps}?includeObject=${include}`, { accept: table });
    expect(body.rows[0].object?.kind).toBe(kind);
  });

  test("one object as a Table is one row", async () => {
    const { body } = await api.request("GET", `${pods}/p`, { accept: table });
    expect((body.rows[0].cells as unknown[]).slice(0, 4)).toEqual(["p", "0/1", "Pending", "0"]);
    expect((body.rows[0].cells as unknown[]).slice(5)).toEqual(["<none>", "n1", "<none>", "<none>"]);
  });

  test.each([
    [pods, ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"]],
    [deployments, ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"]],
    ["/apis/apps/v1/replicasets", ["Name", "Desired", "Current", "Ready", "Age", "Containers", "Images", "Selector"]],
    [
      "/api/v1/nodes",
      [
        "Name",
        "Status",
        "Roles",
        "Age",
        "Version",
        "Internal-IP",
        "External-IP",
        "OS-Image",
        "Kernel-Version",
        "Container-Runtime",
      ],
    ],
    ["/api/v1/services", ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector"]],
    ["/api/v1/secrets", ["Name", "Type", "Data", "Age"]],
    ["/api/v1/serviceaccounts", ["Name", "Secrets", "Age"]],
    ["/api/v1/namespaces", ["Name", "Status", "Age"]],
    ["/apis/coordination.k8s.io/v1/leases", ["Name", "Holder", "Age"]],
    [
      "/api/v1/events",
      ["Last Seen", "Type", "Reason", "Object", "Subobject", "Source", "Message", "First Seen", "Count", "Name"],
    ],
  ])("columns of %s are upstream's", async (path, names) => {
    const { body } = await api.request("GET", path, { accept: table });
    expect((body.columnDefinitions as { name: string }[]).map(({ name }) => name)).toEqual(names);
  });

  test("an event's row says what happened to what", async () => {
    const { body } = await api.request("GET", `${inDefault}/events`, { accept: table });
    const cells = body.rows[0].cells as unknown[];
    expect(cells.slice(1, 4)).toEqual(["Normal", "Started", "pod/p"]);
    expect(cells[6]).toBe("it runs");
    expect(cells[0]).toMatch(/^\d+y/);
  });

  test("a watch of Tables names the columns once", async () => {
    const watching = await api.watch(`${configMaps}?watch=true`, { accept: table });
    await must(api.request("POST", configMaps, { body: configMap("b") }));
    const [first, second] = [await watching.next(), await watching.next()];
    watching.stop();
    expect([first?.type, first?.object.kind]).toEqual(["ADDED", "Table"]);
    expect(first?.object.columnDefinitions).not.toHaveLength(0);
    expect(second?.object.columnDefinitions ?? []).toHaveLength(0);
    expect(second?.object.rows[0].cells[0]).toBe("b");
  });

  test("metadata alone, of one and of many", async () => {
    const one = await api.request("GET", `${configMaps}/a`, { accept: partial });
    expect(Object.keys(one.body as object).sort()).toEqual(["apiVersion", "kind", "metadata"]);
    const many = await api.request("GET", configMaps, { accept: partialList });
    expect([many.body.kind, many.body.apiVersion]).toEqual(["PartialObjectMetadataList", "meta.k8s.io/v1"]);
    expect(many.body.items[0]).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "a" } });
    expect(many.body.items[0].data).toBeUndefined();
  });

  test("YAML", async () => {
    const { text } = await api.request("GET", `${configMaps}/a`, { accept: "application/yaml" });
    expect(text).toMatch(/^apiVersion: v1\ndata:\n {2}x: "1"\n {2}"y": "2"\nkind: ConfigMap\nmetadata:\n/);
  });

  test("JSON for who asks for protobuf first, and nothing for who takes nothing else", async () => {
    const both = await api.request("GET", `${configMaps}/a`, { accept: "application/vnd.kubernetes.protobuf,application/json" });
    expect(both.body.kind).toBe("ConfigMap");
    const { status, body } = await api.request("GET", `${configMaps}/a`, { accept: "text/html" });
    expect([status, body.reason]).toEqual([406, "NotAcceptable"]);
  });

  test("refused before anything is written", async () => {
    const { status } = await api.request("POST", configMaps, { body: configMap("unwanted"), accept: "text/html" });
    expect(status).toBe(406);
    expect((await api.request("GET", `${configMaps}/unwanted`)).status).toBe(404);
  });

  test.each([
    ["GET", "/api/v1/things", 404, "the server could not find the requested resource"],
    ["GET", "/api/v1/namespaces/default/pods/p/nothing", 404, "the server could not find the requested resource"],
    ["POST", `${pods}/p/status`, 405, "the server does not allow this method on the requested resource"],
    ["DELETE", "/api/v1/namespaces", 405, "the server does not allow this method on the requested resource"],
    [
      "POST",
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      405,
      "the server does not allow this method on the requested resource",
    ],
  ])("%s %s is answered with %d", async (method, path, status, message) => {
    const reply = await api.request(method, path, method === "POST" ? { body: {} } : {});
    expect([reply.status, reply.body.message]).toEqual([status, message]);
  });
});
