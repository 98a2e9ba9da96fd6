import { describe, expect, it } from "vitest";
import { discoverResources } from "./discovery-client.ts";
import type { RestClient } from "./rest-client.ts";

/** Answers each path with what stands there. */
const server = (answers: Readonly<Record<string, object>>): RestClient => ({
  server: "https://test",
  send: async <T>({ path }: { path: string }) => {
    if (answers[path] === undefined) throw new Error(`nobody expected ${path}`);
    return answers[path] as T;
  },
  watch: async function* () {},
  stream: async function* () {},
  close: () => undefined,
});

const deployments = {
  group: "apps",
  version: "v1",
  resource: "deployments",
  kind: "Deployment",
  namespaced: true,
  singular: "deployment",
  shortNames: ["deploy"],
  categories: ["all"],
  verbs: ["get", "list"],
  subresources: ["scale"],
};
const pods = {
  ...deployments,
  group: "",
  resource: "pods",
  kind: "Pod",
  singular: "pod",
  shortNames: ["po"],
  subresources: ["log"],
};

describe("discoverResources", () => {
  it("reads everything in two requests where the server has the aggregated form", async () => {
    const item = ({ resource, kind, singular, shortNames, categories, verbs, subresources }: typeof pods): object => ({
      resource,
      responseKind: { group: "", version: "", kind },
      scope: "Namespaced",
      singularResource: singular,
      verbs,
      shortNames,
      categories,
      subresources: subresources.map((subresource) => ({ subresource, verbs: [] })),
    });
    const list = (name: string, of: typeof pods): object => ({
      items: [{ metadata: { name }, versions: [{ version: "v1", resources: [item(of)], freshness: "Current" }] }],
    });
    const client = server({
      "/api": { items: [{ metadata: {}, versions: [{ version: "v1", resources: [item(pods)] }] }] },
      "/apis": list("apps", deployments),
    });
    expect(await discoverResources(client)).toEqual([pods, deployments]);
  });

  it("asks group by group where it has not", async () => {
    const plain = ({ resource, kind, singular, shortNames, categories, verbs }: typeof pods, part: string): object[] => [
      { name: resource, singularName: singular, namespaced: true, kind, verbs, shortNames, categories },
      { name: `${resource}/${part}`, singularName: "", namespaced: true, kind, verbs: ["get"] },
    ];
    const client = server({
      "/api": { versions: ["v1"] },
      "/apis": { groups: [{ name: "apps", versions: [{ groupVersion: "apps/v1", version: "v1" }] }] },
      "/api/v1": { groupVersion: "v1", resources: plain(pods, "log") },
      "/apis/apps/v1": { groupVersion: "apps/v1", resources: plain(deployments, "scale") },
    });
    expect(await discoverResources(client)).toEqual([pods, deployments]);
  });
});
