/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentOf, type ApiUnderTest, controllerManager, type Identity, scheduler, waysIn } from "./api-under-test.ts";
import { boundPod, configMap, deployment, inDefault, must, pod, pods } from "./objects.ts";

const one = agentOf("node-1");
const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const node = (name: string, part: object = {}): object => ({ apiVersion: "v1", kind: "Node", metadata: { name }, ...part });
const lease = (name: string): object => ({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name } });
const secret = (name: string): object => ({ apiVersion: "v1", kind: "Secret", metadata: { name } });
const event = (namespace: string): object => ({
  apiVersion: "v1",
  kind: "Event",
  metadata: { generateName: "e-" },
  involvedObject: { kind: "Pod", name: "mine", namespace },
});
const merge = "application/merge-patch+json";

interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly patch?: object;
}

describe.each(waysIn)("authorization %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
    for (const name of ["node-1", "node-2"]) {
      await must(api.request("POST", "/api/v1/nodes", { body: node(name) }));
      await must(api.request("POST", leases, { body: lease(name) }));
    }
    for (const name of ["used", "other", "pull"]) await must(api.request("POST", `${inDefault}/secrets`, { body: secret(name) }));
    for (const name of ["used", "other"]) await must(api.request("POST", `${inDefault}/configmaps`, { body: configMap(name) }));
    await boundPod(api, "mine", "node-1", {
      volumes: [{ name: "s", secret: { secretName: "used" } }],
      imagePullSecrets: [{ name: "pull" }],
      containers: [{ name: "c", image: "i", envFrom: [{ configMapRef: { name: "used" } }] }],
    });
    await boundPod(api, "theirs", "node-2", { volumes: [{ name: "s", secret: { secretName: "other" } }] });
    await must(api.request("POST", pods, { body: pod("unbound") }));
    await must(api.request("POST", "/apis/apps/v1/namespaces/default/deployments", { body: deployment("web") }));
  });
  afterAll(() => api.close());

  const attempt = async (as: Identity, { method, path, body, patch }: Attempt): Promise<number> => {
    const sent = patch === undefined ? { ...(body && { body }) } : { body: patch, contentType: merge };
    return (await api.request(method, path, { as, ...sent })).status;
  };

  describe("lets the agent of node-1", () => {
    test.each<[string, Attempt]>([
      ["read its node", { method: "GET", path: "/api/v1/nodes/node-1" }],
      ["watch its node alone", { method: "GET", path: "/api/v1/nodes?fieldSelector=metadata.name%3Dnode-1" }],
      ["label its node", { method: "PATCH", path: "/api/v1/nodes/node-1", patch: { metadata: { labels: { zone: "a" } } } }],
      [
        "report its node's status",
        { method: "PATCH", path: "/api/v1/nodes/node-1/status", patch: { status: { capacity: { cpu: "1" } } } },
      ],
      ["renew its lease", { method: "PATCH", path: `${leases}/node-1`, patch: { spec: { holderIdentity: "node-1" } } }],
      ["read its pod", { method: "GET", path: `${pods}/mine` }],
      ["list its pods in all namespaces", { method: "GET", path: "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1" }],
      ["report its pod's status", { method: "PATCH", path: `${pods}/mine/status`, patch: { status: { phase: "Running" } } }],
      ["read a secret its pod mounts", { method: "GET", path: `${inDefault}/secrets/used` }],
      ["read a secret its pod pulls with", { method: "GET", path: `${inDefault}/secrets/pull` }],
      ["read a ConfigMap its pod is fed from", { method: "GET", path: `${inDefault}/configmaps/used` }],
      ["record events", { method: "POST", path: `${inDefault}/events`, body: event("default") }],
    ])("%s", async (_what, what) => {
      expect(await attempt(one, what)).toBeLessThan(300);
    });
  });

  describe("refuses the agent of node-1", () => {
    test.each<[string, Attempt]>([
      ["to read another node", { method: "GET", path: "/api/v1/nodes/node-2" }],
      ["to read all nodes", { method: "GET", path: "/api/v1/nodes" }],
      ["to change another node", { method: "PATCH", path: "/api/v1/nodes/node-2", patch: { metadata: { labels: { a: "b" } } } }],
      [
        "to report another node's status",
        { method: "PATCH", path: "/api/v1/nodes/node-2/status", patch: { status: { capacity: { cpu: "9" } } } },
      ],
      ["to register another node", { method: "POST", path: "/api/v1/nodes", body: node("node-3") }],
      ["to delete its node", { method: "DELETE", path: "/api/v1/nodes/node-1" }],
      [
        "to change its taints",
        { method: "PATCH", path: "/api/v1/nodes/node-1", patch: { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } } },
      ],
      [
        "to set a label that placement relies on",
        {
          method: "PATCH",
          path: "/api/v1/nodes/node-1",
          patch: { metadata: { labels: { "node-restriction.kubernetes.io/fips": "1" } } },
        },
      ],
      [
        "to set such a label below a prefix",
        {
          method: "PATCH",
          path: "/api/v1/nodes/node-1",
          patch: { metadata: { labels: { "a.node-restriction.kubernetes.io/x": "1" } } },
        },
      ],
      [
        "to give itself a role",
        {
          method: "PATCH",
          path: "/api/v1/nodes/node-1",
          patch: { metadata: { labels: { "node-role.kubernetes.io/control-plane": "" } } },
        },
      ],
      [
        "to set it beside a status",
        {
          method: "PATCH",
          path: "/api/v1/nodes/node-1/status",
          patch: { metadata: { labels: { "node-restriction.kubernetes.io/x": "1" } } },
        },
      ],
      ["to read another node's lease", { method: "GET", path: `${leases}/node-2` }],
      ["to list leases", { method: "GET", path: leases }],
      ["to renew another node's lease", { method: "PATCH", path: `${leases}/node-2`, patch: { spec: {} } }],
      ["to make another node's lease", { method: "POST", path: leases, body: lease("node-3") }],
      [
        "to make a lease elsewhere",
        { method: "POST", path: "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases", body: lease("node-1") },
      ],
      ["to read another node's pod", { method: "GET", path: `${pods}/theirs` }],
      ["to read a pod bound nowhere", { method: "GET", path: `${pods}/unbound` }],
      ["to list all pods", { method: "GET", path: "/api/v1/pods" }],
      ["to list another node's pods", { method: "GET", path: "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-2" }],
      ["to make a pod", { method: "POST", path: pods, body: pod("rogue", { nodeName: "node-1" }) }],
      ["to change its pod", { method: "PATCH", path: `${pods}/mine`, patch: { metadata: { labels: { a: "b" } } } }],
      [
        "to relabel its pod through the status",
        { method: "PATCH", path: `${pods}/mine/status`, patch: { metadata: { labels: { a: "b" } } } },
      ],
      [
        "to report another node's pod",
        { method: "PATCH", path: `${pods}/theirs/status`, patch: { status: { phase: "Failed" } } },
      ],
      ["to delete another node's pod", { method: "DELETE", path: `${pods}/theirs` }],
      [
        "to bind a pod",
        { method: "POST", path: `${pods}/unbound/binding`, body: { metadata: { name: "unbound" }, target: { name: "node-1" } } },
      ],
      ["to read a secret no pod of its needs", { method: "GET", path: `${inDefault}/secrets/other` }],
      ["to list secrets", { method: "GET", path: `${inDefault}/secrets` }],
      ["to write a secret its pod needs", { method: "PATCH", path: `${inDefault}/secrets/used`, patch: { data: { a: "" } } }],
      ["to read a ConfigMap no pod of its needs", { method: "GET", path: `${inDefault}/configmaps/other` }],
      ["to read events", { method: "GET", path: `${inDefault}/events` }],
      ["to read deployments", { method: "GET", path: "/apis/apps/v1/deployments" }],
      ["to make a namespace", { method: "POST", path: "/api/v1/namespaces", body: { metadata: { name: "x" } } }],
    ])("%s", async (_what, what) => {
      expect(await attempt(one, what)).toBe(403);
    });
  });

  test("says to a node why it may not change its labels, and changes nothing", async () => {
    const patch = { metadata: { labels: { "node-restriction.kubernetes.io/x": "1", fine: "yes" } } };
    const { body } = await api.request("PATCH", "/api/v1/nodes/node-1", { as: one, body: patch, contentType: merge });
    expect(body.message).toBe('nodes "node-1" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/x');
    expect((await api.request("GET", "/api/v1/nodes/node-1")).body.metadata.labels ?? {}).not.toHaveProperty("fine");
  });

  describe("divides the work:", () => {
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: "unbound" },
      target: { kind: "Node", name: "node-1" },
    };
    test.each<[string, Identity, Attempt]>([
      ["the scheduler does not make pods", scheduler, { method: "POST", path: pods, body: pod("s") }],
      [
        "the scheduler does not change pods",
        scheduler,
        { method: "PATCH", path: `${pods}/unbound`, patch: { metadata: { labels: { a: "b" } } } },
      ],
      [
        "the scheduler does not scale",
        scheduler,
        { method: "PATCH", path: "/apis/apps/v1/namespaces/default/deployments/web/scale", patch: { spec: { replicas: 9 } } },
      ],
      ["the scheduler does not read secrets", scheduler, { method: "GET", path: `${inDefault}/secrets/used` }],
      [
        "the scheduler does not touch nodes",
        scheduler,
        { method: "PATCH", path: "/api/v1/nodes/node-1", patch: { spec: { unschedulable: true } } },
      ],
      ["the scheduler takes no other's lease", scheduler, { method: "PATCH", path: `${leases}/node-1`, patch: { spec: {} } }],
      ["the controllers do not bind pods", controllerManager, { method: "POST", path: `${pods}/unbound/binding`, body: binding }],
      [
        "the controllers do not make deployments",
        controllerManager,
        { method: "POST", path: "/apis/apps/v1/namespaces/default/deployments", body: deployment("c") },
      ],
      ["the controllers do not make nodes", controllerManager, { method: "POST", path: "/api/v1/nodes", body: node("node-4") }],
    ])("%s", async (_what, as, what) => {
      expect(await attempt(as, what)).toBe(403);
    });

    test("the scheduler binds, the controllers make pods", async () => {
      expect(await attempt(controllerManager, { method: "POST", path: pods, body: pod("made") })).toBe(201);
      expect(await attempt(scheduler, { method: "POST", path: `${pods}/unbound/binding`, body: binding })).toBe(201);
    });
  });
});
