/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiUnderTest, waysIn } from "./api-under-test.ts";
import { configMap, configMaps, deployment, deployments, must, pod, pods } from "./objects.ts";

describe.each(waysIn)("objects %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api.close());

  test("are made with what only the server sets, and read back the same", async () => {
    const given = configMap("made", {
      metadata: { name: "made", uid: "mine", generation: 7, creationTimestamp: "2001-01-01T00:00:00Z", selfLink: "x" },
      data: { a: "b" },
    });
    const made = await api.request("POST", configMaps, { body: given });
    expect(made.status).toBe(201);
    const { metadata } = made.body;
    expect(metadata).toEqual({
      name: "made",
      namespace: "default",
      uid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/) as string,
      creationTimestamp: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      resourceVersion: expect.stringMatching(/^\d+$/) as string,
      managedFields: expect.any(Array) as unknown,
    });
    expect(metadata.creationTimestamp).not.toBe("2001-01-01T00:00:00Z");
    expect(Object.keys(made.body as object).slice(0, 3)).toEqual(["kind", "apiVersion", "metadata"]);
    expect((await api.request("GET", `${configMaps}/made`)).body).toEqual(made.body);
  });

  test("get a name from generateName", async () => {
    const names = new Set<string>();
    for (let count = 0; count < 3; count++) {
      const { body } = await must(api.request("POST", configMaps, { body: { metadata: { generateName: "gen-" } } }));
      expect(body.metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
      expect(body.metadata.generateName).toBe("gen-");
      names.add(String(body.metadata.name));
    }
    expect(names.size).toBe(3);
  });

  test("exist once by a name", async () => {
    await must(api.request("POST", configMaps, { body: configMap("twice") }));
    const { status, body } = await api.request("POST", configMaps, { body: configMap("twice") });
    expect(status).toBe(409);
    expect(body).toMatchObject({
      reason: "AlreadyExists",
      message: 'configmaps "twice" already exists',
      details: { name: "twice", kind: "configmaps" },
    });
  });

  test("that are not there are not found, with the group outside core", async () => {
    const { status, body } = await api.request("GET", `${deployments}/none`);
    expect([status, body.reason, body.message, body.details]).toEqual([
      404,
      "NotFound",
      'deployments.apps "none" not found',
      { name: "none", group: "apps", kind: "deployments" },
    ]);
  });

  test("need a namespace that is there", async () => {
    const { status, body } = await api.request("POST", "/api/v1/namespaces/none/configmaps", { body: configMap("a") });
    expect([status, body.message]).toEqual([404, 'namespaces "none" not found']);
  });

  test("are not made in a namespace that is going", async () => {
    await must(api.request("POST", "/api/v1/namespaces", { body: { metadata: { name: "going" } } }));
    const deleted = await api.request("DELETE", "/api/v1/namespaces/going");
    expect(deleted.body.status.phase).toBe("Terminating");
    const { status, body } = await api.request("POST", "/api/v1/namespaces/going/configmaps", { body: configMap("a") });
    expect(status).toBe(403);
    expect(body.message).toBe(
      'configmaps "a" is forbidden: unable to create new content in namespace going because it is being terminated',
    );
    expect(body.details.causes).toEqual([
      { reason: "NamespaceTerminating", message: "namespace going is being terminated", field: "metadata.namespace" },
    ]);
  });

  test("belong to the namespace and name of the path", async () => {
    const elsewhere = configMap("a", { metadata: { name: "a", namespace: "kube-system" } });
    const posted = await api.request("POST", configMaps, { body: elsewhere });
    expect([posted.status, posted.body.message]).toEqual([
      400,
      "the namespace of the provided object does not match the namespace sent on the request",
    ]);
    await must(api.request("POST", configMaps, { body: configMap("path") }));
    const put = await api.request("PUT", `${configMaps}/path`, { body: configMap("other") });
    expect([put.status, put.body.message]).toEqual([
      400,
      "the name of the object (other) does not match the name on the URL (path)",
    ]);
  });

  test("are replaced only at the version the client has seen", async () => {
    const { body: first } = await must(api.request("POST", configMaps, { body: configMap("swap", { data: { n: "1" } }) }));
    const second = await must(api.request("PUT", `${configMaps}/swap`, { body: { ...first, data: { n: "2" } } }));
    expect(second.body.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
    const stale = await api.request("PUT", `${configMaps}/swap`, { body: { ...first, data: { n: "3" } } });
    expect([stale.status, stale.body.reason, stale.body.message]).toEqual([
      409,
      "Conflict",
      'Operation cannot be fulfilled on configmaps "swap": the object has been modified; please apply your changes to the latest version and try again',
    ]);
    const blind = await must(api.request("PUT", `${configMaps}/swap`, { body: configMap("swap", { data: { n: "4" } }) }));
    expect(blind.body.data).toEqual({ n: "4" });
    expect(blind.body.metadata.uid).toBe(first.metadata.uid);
  });

  test("of another life are not replaced", async () => {
    const { body } = await must(api.request("POST", configMaps, { body: configMap("life") }));
    const other = { ...body, metadata: { name: "life", uid: "another" } };
    const { status, body: refused } = await api.request("PUT", `${configMaps}/life`, { body: other });
    expect([status, refused.message]).toEqual([
      409,
      `Operation cannot be fulfilled on configmaps "life": Precondition failed: UID in precondition: another, UID in object meta: ${String(body.metadata.uid)}`,
    ]);
  });

  test("stay at their version when a write changes nothing", async () => {
    const { body } = await must(api.request("POST", deployments, { body: deployment("still") }));
    const put = await api.request("PUT", `${deployments}/still`, { body: deployment("still") });
    expect(put.body.metadata).toEqual(body.metadata);
    const patched = await api.request("PATCH", `${deployments}/still`, {
      body: { spec: { replicas: 2 } },
      contentType: "application/merge-patch+json",
    });
    expect(patched.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
  });

  test("count in their generation what is asked of them, and nothing else", async () => {
    const { body } = await must(api.request("POST", deployments, { body: deployment("count") }));
    expect(body.metadata.generation).toBe(1);
    const merge = async (patch: object, path = ""): Promise<number> =>
      (
        await must(
          api.request("PATCH", `${deployments}/count${path}`, { body: patch, contentType: "application/merge-patch+json" }),
        )
      ).body.metadata.generation as number;
    expect(await merge({ metadata: { labels: { a: "b" } } })).toBe(1);
    expect(await merge({ status: { replicas: 1 } }, "/status")).toBe(1);
    expect(await merge({ spec: { replicas: 3 } })).toBe(2);
    expect(await merge({ metadata: { generation: 99 } })).toBe(2);
  });

  test("keep spec and status apart", async () => {
    await must(api.request("POST", pods, { body: { ...pod("parts"), status: { phase: "Succeeded" } } }));
    const { body } = await api.request("GET", `${pods}/parts`);
    expect(body.status).toEqual({ phase: "Pending", qosClass: "BestEffort" });
    const put = await must(api.request("PUT", `${pods}/parts`, { body: { ...body, status: { phase: "Failed" } } }));
    expect(put.body.status.phase).toBe("Pending");
    const reported = await must(
      api.request("PUT", `${pods}/parts/status`, {
        body: { ...put.body, spec: { ...put.body.spec, nodeName: "x" }, status: { ...put.body.status, phase: "Running" } },
      }),
    );
    expect([reported.body.status.phase, reported.body.spec.nodeName]).toEqual(["Running", undefined]);
    expect((await api.request("GET", `${pods}/parts/status`)).body).toEqual(reported.body);
  });

  test("are scaled through a Scale", async () => {
    await must(api.request("POST", deployments, { body: deployment("scaled") }));
    const { body: scale } = await api.request("GET", `${deployments}/scaled/scale`);
    expect(scale).toMatchObject({
      kind: "Scale",
      apiVersion: "autoscaling/v1",
      metadata: { name: "scaled", namespace: "default" },
      spec: { replicas: 2 },
      status: { replicas: 0, selector: "app=scaled" },
    });
    // As pkg/printers/internalversion prints a Scale.
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const { body: table } = await api.request("GET", `${deployments}/scaled/scale`, { accept });
    const columns = (table.columnDefinitions as { name: string }[]).map(({ name }) => name);
    expect(columns).toEqual(["Name", "Desired", "Available", "Age"]);
    expect(table.rows).toEqual([
      {
        cells: ["scaled", 2, 0, expect.stringMatching(/^\d+s$/)],
        object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: scale.metadata },
      },
    ]);
    const put = await must(api.request("PUT", `${deployments}/scaled/scale`, { body: { ...scale, spec: { replicas: 5 } } }));
    expect(put.body.spec).toEqual({ replicas: 5 });
    const stale = await api.request("PUT", `${deployments}/scaled/scale`, { body: { ...scale, spec: { replicas: 6 } } });
    expect(stale.status).toBe(409);
    const patched = await must(
      api.request("PATCH", `${deployments}/scaled/scale`, {
        body: { spec: { replicas: 0 } },
        contentType: "application/merge-patch+json",
      }),
    );
    expect(patched.body.spec.replicas ?? 0).toBe(0);
    const whole = await api.request("GET", `${deployments}/scaled`);
    expect([whole.body.spec.replicas, whole.body.metadata.generation]).toEqual([0, 3]);
    const negative = await api.request("PUT", `${deployments}/scaled/scale`, {
      body: { ...scale, metadata: { name: "scaled" }, spec: { replicas: -1 } },
    });
    expect([negative.status, negative.body.message]).toEqual([
      422,
      'Scale.autoscaling "scaled" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });

  test("are bound once, by a Binding", async () => {
    await must(api.request("POST", pods, { body: pod("bind") }));
    const bind = (node: string, metadata: object = { name: "bind" }) =>
      api.request("POST", `${pods}/bind/binding`, {
        body: { apiVersion: "v1", kind: "Binding", metadata, target: { kind: "Node", name: node } },
      });
    const wrongLife = await bind("n1", { name: "bind", uid: "another" });
    expect(wrongLife.status).toBe(409);
    const bound = await bind("n1");
    expect([bound.status, bound.body.status]).toEqual([201, "Success"]);
    const { body } = await api.request("GET", `${pods}/bind`);
    expect(body.spec.nodeName).toBe("n1");
    expect(body.status.conditions).toMatchObject([{ type: "PodScheduled", status: "True" }]);
    const again = await bind("n2");
    expect([again.status, again.body.message]).toEqual([
      409,
      'Operation cannot be fulfilled on pods/binding "bind": pod bind is already assigned to node "n1"',
    ]);
    const nowhere = await bind("");
    expect([nowhere.status, nowhere.body.message]).toEqual([422, 'Binding "bind" is invalid: target.name: Required value']);
  });

  test("are made by a PUT only where upstream allows it", async () => {
    const missing = await api.request("PUT", `${configMaps}/unmade`, { body: configMap("unmade") });
    expect(missing.status).toBe(404);
    const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    const lease = { metadata: { name: "l" }, spec: { holderIdentity: "a" } };
    const made = await api.request("PUT", `${leases}/l`, { body: lease });
    expect(made.status).toBe(201);
    const blind = await api.request("PUT", `${leases}/l`, { body: lease });
    expect([blind.status, blind.body.message]).toEqual([
      422,
      'Lease.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: "": must be specified for an update',
    ]);
  });

  test("survive sixteen writers at once without a lost update", async () => {
    await must(api.request("POST", configMaps, { body: configMap("race", { data: {} }) }));
    await Promise.all(
      Array.from({ length: 16 }, (_, writer) =>
        must(
          api.request("PATCH", `${configMaps}/race`, {
            body: { data: { [`w${writer}`]: "x" } },
            contentType: "application/merge-patch+json",
          }),
        ),
      ),
    );
    const { body } = await api.request("GET", `${configMaps}/race`);
    expect(Object.keys(body.data as object)).toHaveLength(16);
  });

  test("are only tried on when dryRun=All", async () => {
    const tried = await api.request("POST", `${configMaps}?dryRun=All`, { body: configMap("dry") });
    expect([tried.status, tried.body.metadata.resourceVersion]).toEqual([201, undefined]);
    expect(tried.body.metadata.uid).toBeDefined();
    expect((await api.request("GET", `${configMaps}/dry`)).status).toBe(404);
    await must(api.request("POST", configMaps, { body: configMap("dry", { data: { a: "1" } }) }));
    const put = await must(api.request("PUT", `${configMaps}/dry?dryRun=All`, { body: configMap("dry", { data: { a: "2" } }) }));
    expect(put.body.data).toEqual({ a: "2" });
    expect((await api.request("DELETE", `${configMaps}/dry?dryRun=All`)).status).toBe(200);
    expect((await api.request("GET", `${configMaps}/dry`)).body.data).toEqual({ a: "1" });
    expect((await api.request("POST", `${configMaps}?dryRun=Some`, { body: configMap("x") })).status).toBe(422);
    // Its options are looked at before what is in it.
    expect((await api.request("POST", `${configMaps}?dryRun=Some`, { body: { ...configMap("x"), kind: "Pod" } })).status).toBe(
      422,
    );
    expect((await api.request("POST", configMaps, { body: { ...configMap("x"), kind: "Pod" } })).status).toBe(400);
  });
});
