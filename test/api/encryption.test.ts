/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EncryptionConfiguration, Provider } from "#apiserver/storage/encryption/configuration";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { Storage } from "#apiserver/storage/storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import { hasOwnServers, type ApiUnderTest } from "./api-under-test.ts";
import { configMap, configMaps, must } from "./objects.ts";
import { startHttps, startInProcess } from "./own-server.ts";

const waysIn = [
  ["over HTTPS", startHttps],
  ["in the same process", startInProcess],
] as const;

const secrets = "/api/v1/namespaces/default/secrets";
const secret = (name: string, text = "plain text") => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name },
  stringData: { text },
});
const text64 = Buffer.from("plain text").toString("base64");

const identity: Provider = { type: "identity" };
const aesgcm = (...names: string[]): Provider => ({
  type: "aesgcm",
  keys: names.map((name) => ({ name, secret: Buffer.alloc(32, name) })),
});
const forSecrets = (...providers: Provider[]): EncryptionConfiguration => ({ rules: [{ resources: ["secrets"], providers }] });

/** Stays open when the server that uses it ends. */
class Kept extends ForwardingStorage {
  override async close(): Promise<void> {
    return Promise.resolve();
  }
}

describe.runIf(hasOwnServers).each(waysIn)("secrets that are encrypted, %s", (_way, start) => {
  let storage: Storage;
  let api: ApiUnderTest;

  const restart = async (...providers: Provider[]): Promise<void> => {
    await (api as ApiUnderTest | undefined)?.close();
    api = await start({ storage: new Kept(storage), ...(providers.length > 0 && { encryption: forSecrets(...providers) }) });
  };
  const stored = async (name: string): Promise<string> =>
    Buffer.from((await storage.get(`/registry/secrets/default/${name}`))?.value ?? []).toString("latin1");
  const get = (name: string) => api.request("GET", `${secrets}/${name}`);

  beforeEach(() => {
    storage = new MemoryStorage({ clock: systemClock, log: silentLogger });
  });
  afterEach(async () => {
    await api.close();
    await storage.close();
  });

  test("are to clients what they always were, and only they are encrypted", async () => {
    await restart(aesgcm("key1"), identity);
    const { body: list } = await api.request("GET", secrets);
    const watching = await api.watch(`${secrets}?watch=true&resourceVersion=${String(list.metadata.resourceVersion)}`);
    await must(api.request("POST", secrets, { body: secret("one") }));
    await must(api.request("POST", configMaps, { body: configMap("open") }));
    expect((await get("one")).body.data).toEqual({ text: text64 });
    const patched = await api.request("PATCH", `${secrets}/one`, {
      body: { metadata: { labels: { a: "b" } } },
      contentType: "application/merge-patch+json",
    });
    expect(patched.status).toBe(200);
    await must(api.request("DELETE", `${secrets}/one`));
    const events: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      const event = await watching.next();
      events.push([event?.type, event?.object["data"]]);
    }
    expect(events).toEqual(["ADDED", "MODIFIED", "DELETED"].map((type) => [type, { text: text64 }]));
    watching.stop();
    await must(api.request("POST", secrets, { body: secret("two") }));
    expect(await stored("two")).toMatch(/^k8s:enc:aesgcm:v1:key1:/);
    expect(await stored("two")).not.toContain(text64);
    expect(Buffer.from((await storage.get("/registry/configmaps/default/open"))!.value).toString()).toMatch(/^\{/);
  });

  test("are encrypted anew by an update that changes nothing, key by key, until the old key can go", async () => {
    await restart();
    await must(api.request("POST", secrets, { body: secret("one") }));
    expect(await stored("one")).toContain(text64);
    const rewrite = async (): Promise<{ before: string; after: string }> => {
      const { body } = await get("one");
      const { status, body: after } = await api.request("PUT", `${secrets}/one`, { body });
      expect(status).toBe(200);
      return { before: String(body.metadata.resourceVersion), after: String(after.metadata.resourceVersion) };
    };
    await restart(aesgcm("key1"), identity);
    const first = await rewrite();
    expect(first.after).not.toBe(first.before);
    expect(await stored("one")).toMatch(/^k8s:enc:aesgcm:v1:key1:/);
    const again = await rewrite();
    expect(again.after).toBe(again.before);
    await restart(aesgcm("key2", "key1"));
    await rewrite();
    expect(await stored("one")).toMatch(/^k8s:enc:aesgcm:v1:key2:/);
    await restart(aesgcm("key2"));
    expect((await get("one")).body.data).toEqual({ text: text64 });
    await restart(identity, aesgcm("key2"));
    await rewrite();
    expect(await stored("one")).toContain(text64);
    await restart();
    expect((await get("one")).body.data).toEqual({ text: text64 });
  });

  test("that cannot be read fail with the key's name, and nothing else does", async () => {
    await restart(aesgcm("key1"));
    await must(api.request("POST", secrets, { body: secret("one") }));
    const bytes = await stored("one");
    for (const providers of [[aesgcm("key2"), identity], []]) {
      await restart(...providers);
      await must(api.request("POST", secrets, { body: secret("two") }));
      const words = `unable to transform key "/registry/secrets/default/one": it is encrypted by aesgcm with the key "key1"`;
      const attempts = [
        get("one"),
        api.request("GET", secrets),
        api.request("GET", "/api/v1/secrets?resourceVersion=0"),
        api.request("GET", `${secrets}?limit=1&resourceVersion=2`),
        api.request("PUT", `${secrets}/one`, { body: secret("one", "lost") }),
        api.request("DELETE", `${secrets}/one`),
      ];
      for (const { status, body } of await Promise.all(attempts)) {
        expect([status, body["reason"]]).toEqual([500, "InternalError"]);
        expect(body["message"]).toContain(words);
        expect(JSON.stringify(body)).not.toContain("k8s:enc");
      }
      expect((await get("two")).body.data).toEqual({ text: text64 });
      await must(api.request("DELETE", `${secrets}/two`));
      expect((await api.request("GET", configMaps)).status).toBe(200);
      await must(api.request("POST", configMaps, { body: configMap(`open-${providers.length}`) }));
      expect(await stored("one")).toBe(bytes);
      const health = await api.http?.raw("GET", "/readyz");
      if (health === undefined) continue;
      expect(health.status).toBe(500);
      expect(health.bytes.toString()).toContain("[-]informer-sync failed: not all secrets that are stored can be read\n");
    }
    await restart(aesgcm("key1"));
    expect((await api.request("GET", secrets)).body.items).toHaveLength(1);
  });

  test("whose history needs a key that is gone are listed anew by who watched them", async () => {
    await restart(aesgcm("key1"));
    const { body: before } = await must(api.request("POST", secrets, { body: secret("one") }));
    await must(api.request("PUT", `${secrets}/one`, { body: secret("one", "changed") }));
    await restart(aesgcm("key2", "key1"));
    const { body: current } = await get("one");
    const { body: rewritten } = await must(api.request("PUT", `${secrets}/one`, { body: current }));
    await restart(aesgcm("key2"));
    const watchFrom = (version: unknown) => api.watch(`${secrets}?watch=true&resourceVersion=${String(version)}`);
    for (const version of [before.metadata.resourceVersion, current.metadata.resourceVersion]) {
      const missed = await watchFrom(version);
      expect(await missed.next()).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
      missed.stop();
    }
    expect((await api.request("GET", secrets)).body.items).toHaveLength(1);
    const watching = await watchFrom(rewritten.metadata.resourceVersion);
    await must(api.request("DELETE", `${secrets}/one`));
    expect(await watching.next()).toMatchObject({ type: "DELETED", object: { metadata: { name: "one" } } });
    watching.stop();
  });

  test("written by another server with a key that this one lacks fail here, until they are gone", async () => {
    await restart(aesgcm("key1"), identity);
    await must(api.request("POST", secrets, { body: secret("one") }));
    const other = await start({ storage: new Kept(storage), encryption: forSecrets(aesgcm("key2", "key1"), identity) });
    await must(other.request("POST", secrets, { body: secret("two") }));
    await expect.poll(async () => String((await api.request("GET", secrets)).body["message"])).toContain('with the key "key2"');
    expect((await get("one")).body.data).toEqual({ text: text64 });
    expect((await get("two")).status).toBe(500);
    await must(other.request("DELETE", `${secrets}/two`));
    await other.close();
    await expect.poll(async () => (await api.request("GET", secrets)).status).toBe(200);
    expect((await api.request("GET", secrets)).body.items).toHaveLength(1);
  });
});
