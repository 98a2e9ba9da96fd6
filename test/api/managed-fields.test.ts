/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiUnderTest, type Reply, waysIn } from "./api-under-test.ts";
import { configMap, configMaps, deployment, deployments, must, pod, pods } from "./objects.ts";

/** kubernetes.io/docs/reference/using-api/server-side-apply: managers, what an update owns, and how the list is cleared. */
describe.each(waysIn)("managedFields %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api.close());

  interface Entry {
    readonly manager: string;
    readonly operation: string;
    readonly subresource?: string;
    readonly time: string;
    readonly fieldsV1: object;
  }
  const entries = ({ body }: Reply): readonly Entry[] => (body.metadata.managedFields ?? []) as readonly Entry[];
  const entry = (reply: Reply, manager: string): Entry | undefined => entries(reply).find((one) => one.manager === manager);
  const merge = (path: string, body: object): Promise<Reply> =>
    must(api.request("PATCH", path, { body, contentType: "application/merge-patch+json" }));

  test("name who made an object, and how", async () => {
    const made = await must(
      api.request("POST", `${configMaps}?fieldManager=maker`, { body: configMap("made", { data: { a: "b" } }) }),
    );
    expect(entries(made)).toEqual([
      {
        manager: "maker",
        operation: "Update",
        apiVersion: "v1",
        time: expect.stringMatching(/^20\d\d-.*Z$/) as string,
        fieldsType: "FieldsV1",
        fieldsV1: { "f:data": { ".": {}, "f:a": {} } },
      },
    ]);
  });

  test("hold what defaults add, and neither what admission adds nor the status", async () => {
    const made = await must(api.request("POST", `${pods}?fieldManager=maker`, { body: pod("plain") }));
    const spec = (entry(made, "maker")?.fieldsV1 as { "f:spec": object })["f:spec"];
    expect(Object.keys(spec)).toEqual(expect.arrayContaining(["f:containers", "f:dnsPolicy", "f:restartPolicy"]));
    expect(Object.keys(spec)).not.toContain("f:tolerations");
    expect(made.body.spec.tolerations).toHaveLength(2);
    expect(entry(made, "maker")?.fieldsV1).not.toHaveProperty("f:status");
  });

  test("move a field to whoever changes it, by update and by each kind of patch", async () => {
    await must(
      api.request("POST", `${configMaps}?fieldManager=maker`, {
        body: configMap("moved", { data: { a: "1", b: "1", c: "1", d: "1" } }),
      }),
    );
    const path = `${configMaps}/moved`;
    await merge(`${path}?fieldManager=merger`, { data: { a: "2" } });
    const strategic = { body: { data: { b: "2" } }, contentType: "application/strategic-merge-patch+json" };
    await must(api.request("PATCH", `${path}?fieldManager=strategist`, strategic));
    const operations = [{ op: "replace", path: "/data/c", value: "2" }];
    await must(
      api.request("PATCH", `${path}?fieldManager=jsonist`, { body: operations, contentType: "application/json-patch+json" }),
    );
    const { body } = await api.request("GET", path);
    const last = await must(
      api.request("PUT", `${path}?fieldManager=putter`, { body: { ...body, data: { ...body.data, e: "1" } } }),
    );
    const owned = Object.fromEntries(entries(last).map(({ manager, fieldsV1 }) => [manager, fieldsV1]));
    expect(owned).toEqual({
      maker: { "f:data": { ".": {}, "f:d": {} } },
      merger: { "f:data": { "f:a": {} } },
      strategist: { "f:data": { "f:b": {} } },
      jsonist: { "f:data": { "f:c": {} } },
      putter: { "f:data": { "f:e": {} } },
    });
  });

  test("book a status and a scale apart", async () => {
    await must(api.request("POST", `${deployments}?fieldManager=maker`, { body: deployment("apart") }));
    await merge(`${deployments}/apart/scale?fieldManager=scaler`, { spec: { replicas: 5 } });
    const after = await merge(`${deployments}/apart/status?fieldManager=controller`, { status: { replicas: 5 } });
    expect(entry(after, "scaler")).toMatchObject({ subresource: "scale", fieldsV1: { "f:spec": { "f:replicas": {} } } });
    expect(entry(after, "controller")).toMatchObject({ subresource: "status", fieldsV1: { "f:status": { "f:replicas": {} } } });
    expect(entry(after, "maker")?.fieldsV1).not.toHaveProperty(["f:spec", "f:replicas"]);
  });

  test("are cleared by a list of one empty entry, and not by leaving them out", async () => {
    const made = await must(api.request("POST", configMaps, { body: configMap("cleared", { data: { a: "1" } }) }));
    const { managedFields: _, ...metadata } = made.body.metadata as Record<string, unknown>;
    const kept = await must(api.request("PUT", `${configMaps}/cleared`, { body: { ...made.body, metadata } }));
    expect(kept.body.metadata.resourceVersion).toBe(made.body.metadata.resourceVersion);
    expect(entries(kept)).toEqual(entries(made));
    const cleared = await merge(`${configMaps}/cleared`, { metadata: { managedFields: [{}] } });
    expect(cleared.body.metadata.managedFields).toBeUndefined();
  });

  test("of a write that changes nothing stay as they are, and so does the version", async () => {
    const made = await must(
      api.request("POST", `${configMaps}?fieldManager=maker`, { body: configMap("same", { data: { a: "1" } }) }),
    );
    const again = await merge(`${configMaps}/same?fieldManager=other`, { data: { a: "1" } });
    expect(again.body).toEqual(made.body);
  });

  test.each([
    ["fieldManager", "x".repeat(129), "fieldManager: Too long: may not be more than 128 bytes"],
    ["fieldManager", "a\tb", String.raw`fieldManager: Invalid value: "a\tb": invalid character U+0009 (at position 1)`],
    ["force", "true", "force: Forbidden: may not be specified for non-apply patch"],
  ])("refuse %s=%s", async (option, value, detail) => {
    const path = `${configMaps}/kube-root-ca.crt?${new URLSearchParams({ [option]: value }).toString()}`;
    const { status, body } = await api.request("PATCH", path, { body: {}, contentType: "application/merge-patch+json" });
    expect([status, body.message]).toEqual([422, `PatchOptions.meta.k8s.io "" is invalid: ${detail}`]);
  });
});
