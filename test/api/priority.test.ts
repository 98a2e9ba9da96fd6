/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiUnderTest, type Reply, waysIn } from "./api-under-test.ts";
import { must, pod, pods } from "./objects.ts";

const classes = "/apis/scheduling.k8s.io/v1/priorityclasses";

// Source of all of it: plugin/pkg/admission/priority/admission.go and its tests.
describe.each(waysIn)("the priority of a pod %s", (_way, start) => {
  let api: ApiUnderTest;
  let made = 0;
  const create = (spec: object = {}): Promise<Reply> => api.request("POST", pods, { body: pod(`p${(made += 1)}`, spec) });
  const priorityOf = async (spec: object): Promise<unknown[]> => {
    const given = (await must(create(spec))).body.spec as Record<string, unknown>;
    return [given["priority"], given["preemptionPolicy"], given["priorityClassName"]];
  };
  const makeClass = (name: string, part: object): Promise<Reply> =>
    api.request("POST", classes, { body: { metadata: { name }, ...part } });

  beforeAll(async () => {
    api = await start();
    await must(makeClass("high", { value: 1000, preemptionPolicy: "Never" }));
  });
  afterAll(() => api.close());

  test("is that of its class, or nothing", async () => {
    expect(await priorityOf({})).toEqual([0, "PreemptLowerPriority", undefined]);
    expect(await priorityOf({ priorityClassName: "high" })).toEqual([1000, "Never", "high"]);
    expect(await priorityOf({ priorityClassName: "system-node-critical" })).toEqual([
      2_000_001_000,
      "PreemptLowerPriority",
      "system-node-critical",
    ]);
  });

  test.each([
    [{ priorityClassName: "nobody" }, "no PriorityClass with name nobody was found"],
    [
      { priorityClassName: "high", priority: 5 },
      "the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name",
    ],
    [
      { priorityClassName: "high", preemptionPolicy: "PreemptLowerPriority" },
      "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name",
    ],
  ])("is not the client's to say: %#", async (spec, message) => {
    const { status, body } = await create(spec);
    expect([status, body.message]).toEqual([403, `pods "p${made}" is forbidden: ${message}`]);
  });

  test("stays when an update leaves it out", async () => {
    const { metadata, spec } = (await must(create({ priorityClassName: "high" }))).body;
    const { priority: _, preemptionPolicy: __, ...without } = spec;
    const body = { metadata: { ...metadata, labels: { a: "b" } }, spec: without };
    const updated = await must(api.request("PUT", `${pods}/p${made}`, { body }));
    expect([updated.body.spec.priority, updated.body.spec.preemptionPolicy]).toEqual([1000, "Never"]);
  });

  test("comes from the one class that is the default", async () => {
    await must(makeClass("usual", { value: 7, globalDefault: true }));
    expect(await priorityOf({})).toEqual([7, "PreemptLowerPriority", "usual"]);
    const second = await makeClass("another", { value: 8, globalDefault: true });
    expect([second.status, second.body.message]).toEqual([
      403,
      'priorityclasses.scheduling.k8s.io "another" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    ]);
    const patch = { body: { description: "still" }, contentType: "application/merge-patch+json" };
    expect((await api.request("PATCH", `${classes}/usual`, patch)).status).toBe(200);
    await must(api.request("DELETE", `${classes}/usual`));
    expect(await priorityOf({})).toEqual([0, "PreemptLowerPriority", undefined]);
  });

  // Source: pkg/registry/scheduling/priorityclass/storage/storage.go.
  test("has two classes that the cluster needs and nobody deletes", async () => {
    const { status, body } = await api.request("DELETE", `${classes}/system-node-critical`);
    expect([status, body.message]).toEqual([
      403,
      'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
    ]);
  });
});

// Source: plugin/pkg/admission/nodetaint/admission.go.
describe.each(waysIn)("a new node %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api.close());

  test("takes no pods until it is ready, besides what it says itself", async () => {
    const notReady = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };
    const make = async (name: string, taints?: object[]): Promise<unknown> =>
      (await must(api.request("POST", "/api/v1/nodes", { body: { metadata: { name }, spec: { ...(taints && { taints }) } } })))
        .body.spec.taints;
    expect(await make("a")).toEqual([notReady]);
    expect(await make("b", [{ key: "gpu", effect: "NoSchedule" }])).toEqual([{ key: "gpu", effect: "NoSchedule" }, notReady]);
    expect(await make("c", [notReady])).toEqual([notReady]);
  });
});
