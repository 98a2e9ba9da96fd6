/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentOf, type ApiUnderTest, controllerManager, hasOwnServers, type Identity, waysIn } from "./api-under-test.ts";
import { boundPod, must, pod, pods } from "./objects.ts";

/** Upstream: pkg/registry/core/pod/rest/subresources.go and strategy.go (ExecLocation, validateContainer). */
describe.each(waysIn)("pods/exec %s", (_way, start) => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await start();
    await must(api.request("POST", "/api/v1/nodes", { body: { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } } }));
    await must(api.request("POST", pods, { body: pod("waiting") }));
    await boundPod(api, "bound", "node-1");
    const two = ["a", "b"].map((name) => ({ name, image: "i" }));
    await boundPod(api, "two", "node-1", { containers: two, initContainers: [{ name: "first", image: "i" }] });
  });
  afterAll(() => api.close());

  const refusal = async (method: string, name: string, query = "command=ls", as?: Identity): Promise<unknown[]> => {
    const { status, body } = await api.request(method, `${pods}/${name}/exec?${query}`, as === undefined ? {} : { as });
    return [status, body.message as string];
  };

  test.each(["GET", "POST"])("asked for by %s is refused in upstream's words", async (method) => {
    expect(await refusal(method, "none")).toEqual([404, 'pods "none" not found']);
    expect(await refusal(method, "waiting")).toEqual([400, "pod waiting does not have a host assigned"]);
    expect(await refusal(method, "bound", "command=ls&container=x")).toEqual([400, "container x is not valid for pod bound"]);
    expect(await refusal(method, "two")).toEqual([
      400,
      "a container name must be specified for pod two, choose one of: [a b] or one of the init containers: [first]",
    ]);
    expect(await refusal(method, "bound")).toEqual([400, "Upgrade request required"]);
  });

  test.skipIf(!hasOwnServers)("is no read: to get it one must be allowed to create it", async () => {
    expect(await refusal("GET", "bound", "command=ls", controllerManager)).toEqual([
      403,
      expect.stringMatching(/"system:kube-controller-manager" cannot create resource "pods\/exec" in API group ""/),
    ]);
    expect((await refusal("GET", "bound", "command=ls", agentOf("node-1")))[0]).toBe(403);
    expect((await refusal("POST", "bound", "command=ls", agentOf("node-1")))[0]).toBe(403);
  });
});
