import type { ApiUnderTest, Reply } from "./api-under-test.ts";

/** Small objects that most tests need. */
export const inDefault = "/api/v1/namespaces/default";
export const configMaps = `${inDefault}/configmaps`;
export const pods = `${inDefault}/pods`;
export const deployments = "/apis/apps/v1/namespaces/default/deployments";

export function configMap(name: string, part: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, ...part };
}

export function pod(name: string, spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...metadata },
    spec: { containers: [{ name: "c", image: "nginx:1" }], ...spec },
  };
}

export function deployment(name: string, spec: object = {}): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "nginx:1" }] } },
      ...spec,
    },
  };
}

/** For what a test builds on: a failure here is not what it is about. */
export async function must(reply: Promise<Reply>): Promise<Reply> {
  const got = await reply;
  if (got.status >= 300) throw new Error(`${got.status}: ${got.text}`);
  return got;
}

/** A pod that is bound to a node, as the scheduler binds it. */
export async function boundPod(api: ApiUnderTest, name: string, node: string, spec: object = {}): Promise<void> {
  await must(api.request("POST", pods, { body: pod(name, spec) }));
  const body = { apiVersion: "v1", kind: "Binding", metadata: { name }, target: { kind: "Node", name: node } };
  await must(api.request("POST", `${pods}/${name}/binding`, { body }));
}
