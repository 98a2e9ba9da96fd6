/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { hasOwnServers, type ApiUnderTest, type Reply, waysIn } from "./api-under-test.ts";
import { boundPod, configMap, configMaps, deployment, deployments, must, pod, pods } from "./objects.ts";

const options = (part: object): object => ({ apiVersion: "v1", kind: "DeleteOptions", ...part });
const merge = "application/merge-patch+json";

describe.each(waysIn)("deletion %s", (_way, start) => {
  let api: ApiUnderTest;
  const remove = (path: string, part?: object): Promise<Reply> =>
    api.request("DELETE", path, part === undefined ? {} : { body: options(part) });
  const finalize = (path: string, finalizers: string[]): Promise<Reply> =>
    must(api.request("PATCH", path, { body: { metadata: { finalizers } }, contentType: merge }));
  const exists = async (path: string): Promise<boolean> => (await api.request("GET", path)).status === 200;

  beforeAll(async () => {
    api = await start({ clock: new FakeClock(Date.parse("2026-01-01T00:00:00Z")) });
  });
  afterAll(() => api.close());

  test("answers a Status with the uid when nothing is left", async () => {
    const { body: made } = await must(api.request("POST", configMaps, { body: configMap("gone") }));
    const { status, body } = await remove(`${configMaps}/gone`);
    expect(status).toBe(200);
    expect(body).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { name: "gone", kind: "configmaps", uid: made.metadata.uid },
    });
    expect((await remove(`${configMaps}/gone`)).status).toBe(404);
  });

  test.runIf(hasOwnServers)("waits for finalizers, and ends with the last of them", async () => {
    await must(api.request("POST", configMaps, { body: configMap("held") }));
    await finalize(`${configMaps}/held`, ["example.com/a", "example.com/b"]);
    const first = await remove(`${configMaps}/held`);
    expect(first.body.metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:00Z",
      deletionGracePeriodSeconds: 0,
      finalizers: ["example.com/a", "example.com/b"],
    });
    const again = await remove(`${configMaps}/held`);
    expect(again.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    const added = await api.request("PATCH", `${configMaps}/held`, {
      body: { metadata: { finalizers: ["example.com/a", "example.com/c"] } },
      contentType: merge,
    });
    expect([added.status, added.body.details.causes[0].reason]).toEqual([422, "FieldValueForbidden"]);
    await finalize(`${configMaps}/held`, ["example.com/b"]);
    expect(await exists(`${configMaps}/held`)).toBe(true);
    const last = await finalize(`${configMaps}/held`, []);
    expect(last.body.metadata.deletionTimestamp).toBe("2026-01-01T00:00:00Z");
    expect(await exists(`${configMaps}/held`)).toBe(false);
  });

  test.runIf(hasOwnServers)("gives a running pod its grace period, which may be cut short and not prolonged", async () => {
    await boundPod(api, "graceful", "n1");
    const first = await remove(`${pods}/graceful`);
    expect(first.status).toBe(200);
    expect(first.body.metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:30Z",
      deletionGracePeriodSeconds: 30,
      generation: 2,
    });
    const longer = await remove(`${pods}/graceful`, { gracePeriodSeconds: 60 });
    expect(longer.body.metadata).toEqual(first.body.metadata);
    const shorter = await remove(`${pods}/graceful`, { gracePeriodSeconds: 5 });
    expect(shorter.body.metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:05Z",
      deletionGracePeriodSeconds: 5,
    });
    const now = await remove(`${pods}/graceful`, { gracePeriodSeconds: 0 });
    expect(now.body.kind).toBe("Pod");
    expect(await exists(`${pods}/graceful`)).toBe(false);
  });

  test("removes at once a pod that never started or has ended", async () => {
    await must(api.request("POST", pods, { body: pod("unbound") }));
    expect((await remove(`${pods}/unbound`)).status).toBe(200);
    expect(await exists(`${pods}/unbound`)).toBe(false);
    await boundPod(api, "ended", "n1");
    await must(api.request("PATCH", `${pods}/ended/status`, { body: { status: { phase: "Succeeded" } }, contentType: merge }));
    await remove(`${pods}/ended`);
    expect(await exists(`${pods}/ended`)).toBe(false);
  });

  test.runIf(hasOwnServers)("by force still waits for finalizers", async () => {
    await boundPod(api, "forced", "n1");
    await finalize(`${pods}/forced`, ["example.com/a"]);
    const { body } = await remove(`${pods}/forced`, { gracePeriodSeconds: 0 });
    expect(body.metadata).toMatchObject({ deletionGracePeriodSeconds: 0, deletionTimestamp: "2026-01-01T00:00:00Z" });
    await finalize(`${pods}/forced`, []);
    expect(await exists(`${pods}/forced`)).toBe(false);
  });

  test("takes options from the query too", async () => {
    await boundPod(api, "query", "n1");
    const { body } = await api.request("DELETE", `${pods}/query?gracePeriodSeconds=7`);
    expect(body.metadata.deletionGracePeriodSeconds).toBe(7);
  });

  test.each([
    ["Background", [], undefined],
    ["Foreground", ["foregroundDeletion"], 202],
    ["Orphan", ["orphan"], 200],
  ])("leaves dependents as %s says", async (propagationPolicy, finalizers, status) => {
    const name = propagationPolicy.toLowerCase();
    await must(api.request("POST", deployments, { body: deployment(name) }));
    const answer = await remove(`${deployments}/${name}`, { propagationPolicy });
    expect(await exists(`${deployments}/${name}`)).toBe(finalizers.length > 0);
    if (finalizers.length === 0) return;
    expect(answer.status).toBe(status);
    expect(answer.body.metadata.finalizers).toEqual(finalizers);
  });

  test("obeys preconditions", async () => {
    const { body: made } = await must(api.request("POST", configMaps, { body: configMap("careful") }));
    const { uid, resourceVersion } = made.metadata as { uid: string; resourceVersion: string };
    const other = await remove(`${configMaps}/careful`, { preconditions: { uid: "another" } });
    expect([other.status, other.body.message]).toEqual([
      409,
      `Operation cannot be fulfilled on configmaps "careful": Precondition failed: UID in precondition: another, UID in object meta: ${uid}`,
    ]);
    expect((await remove(`${configMaps}/careful`, { preconditions: { resourceVersion: "1" } })).status).toBe(409);
    expect((await remove(`${configMaps}/careful`, { preconditions: { uid, resourceVersion } })).status).toBe(200);
  });

  test.each([
    [{ propagationPolicy: "Cascade" }, 'propagationPolicy: Unsupported value: "Cascade"'],
    [{ propagationPolicy: "Orphan", orphanDependents: true }, "cannot be both set"],
  ])("refuses the options %j", async (part, words) => {
    await must(api.request("POST", configMaps, { body: configMap("odd") }));
    const { status, body } = await remove(`${configMaps}/odd`, part);
    expect([status, body.reason]).toEqual([422, "Invalid"]);
    expect(body.message).toContain(words);
    await must(remove(`${configMaps}/odd`));
  });

  test("of a collection takes what is selected, and answers with it", async () => {
    for (const [name, tier] of [
      ["one", "a"],
      ["two", "a"],
      ["three", "b"],
    ] as const)
      await must(api.request("POST", configMaps, { body: configMap(name, { metadata: { name, labels: { tier } } }) }));
    const { status, body } = await api.request("DELETE", `${configMaps}?labelSelector=tier%3Da`);
    expect(status).toBe(200);
    expect(body.kind).toBe("ConfigMapList");
    expect((body.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name)).toEqual(["one", "two"]);
    expect(await exists(`${configMaps}/three`)).toBe(true);
    expect(await exists(`${configMaps}/one`)).toBe(false);
  });

  test("keeps the cluster's own namespaces, and others until they are finalized", async () => {
    const own = await remove("/api/v1/namespaces/kube-system");
    expect([own.status, own.body.message]).toEqual([
      403,
      'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    ]);
    await must(api.request("POST", "/api/v1/namespaces", { body: { metadata: { name: "mine" } } }));
    const { body } = await remove("/api/v1/namespaces/mine");
    expect([body.status.phase, body.spec.finalizers]).toEqual(["Terminating", ["kubernetes"]]);
    await must(api.request("PUT", "/api/v1/namespaces/mine/finalize", { body: { ...body, spec: { finalizers: [] } } }));
    expect(await exists("/api/v1/namespaces/mine")).toBe(false);
  });
});
