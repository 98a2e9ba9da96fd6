import { randomBytes } from "node:crypto";
import https from "node:https";
import { systemClock } from "#base/clock";
import { systemRandom } from "#base/random";
import { readKubeconfig } from "#client/kubeconfig";
import { memoryPki } from "#cluster/pki/pki";
import { admin, type ApiUnderTest, type Call, type Identity, type Reply } from "./api-under-test.ts";
import { headersOf, overHttps } from "./over-https.ts";

/**
 * An API server somewhere, with the rights of a kubeconfig's administrator. Each start has a namespace of its own, which tests see
 * under the name `default`; other users are impersonated.
 */
export async function startExternal(kubeconfig: string): Promise<ApiUnderTest> {
  const { server, ca, cert, key, token } = readKubeconfig(kubeconfig);
  const { hostname, port } = new URL(server);
  const foreign = await (
    await memoryPki(systemClock, systemRandom)
  ).pair("x", { commonName: "x", organizations: [], use: "client" });
  const own = {
    agent: (): https.Agent => new https.Agent({ ca, cert, key, keepAlive: true }),
    headers: typeof token === "string" ? { authorization: `Bearer ${token}` } : {},
  };
  const connection = overHttps({
    host: hostname,
    port: Number(port === "" ? 443 : port),
    connect: async (identity: Identity) => {
      if (identity.foreign === true) return { agent: new https.Agent({ ca, ...foreign, keepAlive: true }) };
      if (identity.user === undefined) return { agent: new https.Agent({ ca, keepAlive: true }) };
      const { user, groups } = identity;
      const isAdmin = user === admin.user && groups?.join() === admin.groups?.join();
      const headers = isAdmin ? {} : headersOf({ user, ...(groups && { groups }) });
      return { agent: own.agent(), headers: { ...own.headers, ...headers } };
    },
  });
  const namespace = `api-test-${randomBytes(4).toString("hex")}`;
  const there = (text: string): string =>
    text
      .replace(/\/namespaces\/default(?=[/?]|$)/g, `/namespaces/${namespace}`)
      .replace(/metadata\.namespace(=|%3D)default/g, `metadata.namespace$1${namespace}`)
      .replaceAll('"namespace":"default"', `"namespace":"${namespace}"`);
  const back = (text: string): string => text.replaceAll(namespace, "default");
  const sent = (call: Call): Call =>
    call.body === undefined || call.body instanceof Uint8Array
      ? call
      : { ...call, body: there(typeof call.body === "string" ? call.body : JSON.stringify(call.body)) };
  const request = async (method: string, path: string, call: Call = {}): Promise<Reply> => {
    const { status, headers, warnings, text } = await connection.request(method, there(path), sent(call));
    const seen = back(text);
    return { status, headers, warnings, text: seen, body: seen.startsWith("{") ? (JSON.parse(seen) as unknown) : undefined };
  };
  await connection.request("POST", "/api/v1/namespaces", { body: { metadata: { name: namespace } } });
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  // Where no controller makes it, it is ours to make: without it there can be no pods.
  for (let tries = 0; tries < 10 && (await connection.request("GET", account)).status !== 200; tries++)
    await systemClock.sleep(100);
  await connection.request("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, {
    body: { metadata: { name: "default" } },
  });
  return {
    isHttp: true,
    request,
    watch: async (path, call) => {
      const watching = await connection.watch(there(path), call);
      return {
        next: async () => {
          const event = await watching.next();
          return event && (JSON.parse(back(JSON.stringify(event))) as typeof event);
        },
        stop: () => watching.stop(),
      };
    },
    close: async () => {
      await connection.request("DELETE", `/api/v1/namespaces/${namespace}`);
      await connection.end();
    },
  };
}
