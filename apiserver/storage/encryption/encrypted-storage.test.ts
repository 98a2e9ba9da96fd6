import { createDecipheriv } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom, systemRandom } from "#base/random";
import { describeStorage } from "../conformance.ts";
import { openEmbeddedStorage } from "../embedded/embedded-storage.ts";
import { MemoryStorage } from "../memory/memory-storage.ts";
import type { Storage } from "../storage.ts";
import type { Provider } from "./configuration.ts";
import { EncryptedStorage } from "./encrypted-storage.ts";
import { ValueCipher } from "./value-cipher.ts";

const log = silentLogger;
const aesgcm = (...keys: [name: string, fill: number, size?: number][]): Provider => ({
  type: "aesgcm",
  keys: keys.map(([name, fill, size = 32]) => ({ name, secret: Buffer.alloc(size, fill) })),
});
const identity: Provider = { type: "identity" };
const cipherOf = (...providers: Provider[]): ValueCipher => new ValueCipher(providers, systemRandom);

describeStorage("EncryptedStorage over MemoryStorage", async () => {
  const clock = new FakeClock();
  const storage = new EncryptedStorage(new MemoryStorage({ clock, log }), cipherOf(aesgcm(["key1", 1])));
  return { storage, clock, dumpsWhatItGot: false, cleanup: () => storage.close() };
});

describeStorage("EncryptedStorage over EmbeddedStorage", async () => {
  const directory = mkdtempSync(join(tmpdir(), "skiff-encrypted-"));
  const clock = new FakeClock();
  const open = async (): Promise<Storage> =>
    new EncryptedStorage(await openEmbeddedStorage({ directory, clock, log }), cipherOf(aesgcm(["key1", 1])));
  let storage = await open();
  return {
    storage,
    clock,
    dumpsWhatItGot: false,
    reopen: async () => {
      await storage.close();
      return (storage = await open());
    },
    cleanup: async () => {
      await storage.close();
      rmSync(directory, { recursive: true });
    },
  };
});

const key = "/registry/secrets/default/s";
const text = "the plain text of a secret";

describe("an encrypted value", () => {
  it.each([16, 24, 32])("has upstream's form, which anybody with the key (%i bytes) and the name can open", async (size) => {
    const stored = Buffer.from(cipherOf(aesgcm(["key1", 5, size])).encrypt(key, Buffer.from(text)));
    const prefix = "k8s:enc:aesgcm:v1:key1:";
    expect(stored.subarray(0, prefix.length).toString()).toBe(prefix);
    expect(stored).toHaveLength(prefix.length + 12 + text.length + 16);
    const nonce = stored.subarray(prefix.length, prefix.length + 12);
    const decipher = createDecipheriv(`aes-${(size * 8) as 128 | 192 | 256}-gcm`, Buffer.alloc(size, 5), nonce);
    decipher.setAAD(Buffer.from(key)).setAuthTag(stored.subarray(-16));
    expect(decipher.update(stored.subarray(prefix.length + 12, -16)).toString() + decipher.final().toString()).toBe(text);
  });

  it("is another one each time", () => {
    const cipher = cipherOf(aesgcm(["key1", 1]));
    const nonces = Array.from({ length: 1000 }, () =>
      Buffer.from(cipher.encrypt(key, Buffer.from(text)))
        .subarray(23, 35)
        .toString("hex"),
    );
    expect(new Set(nonces).size).toBe(1000);
  });

  it("takes its nonce from the dice it is given", () => {
    const encrypt = (): Uint8Array => new ValueCipher([aesgcm(["key1", 1])], seededRandom(1)).encrypt(key, Buffer.from(text));
    expect(encrypt()).toEqual(encrypt());
  });

  it("is not opened with any bit of it changed, or under another name", () => {
    const cipher = cipherOf(aesgcm(["key1", 1]));
    const stored = cipher.encrypt(key, Buffer.from(text));
    for (let at = 23; at < stored.length; at++) {
      const changed = Uint8Array.from(stored);
      changed[at] = changed[at]! ^ 1;
      expect(() => cipher.decrypt(key, changed)).toThrow(/with the key "key1", and the secret of that name does not fit it/);
    }
    expect(() => cipher.decrypt(`${key}2`, stored)).toThrow(/does not fit/);
    expect(() => cipher.decrypt(key, stored.subarray(0, 30))).toThrow(/does not fit/);
  });

  it("is read by every key there is, and stale unless by the first", () => {
    const byOne = cipherOf(aesgcm(["one", 1])).encrypt(key, Buffer.from(text));
    const read = (stored: Uint8Array, ...providers: Provider[]): [string, boolean] => {
      const { value, isStale } = cipherOf(...providers).decrypt(key, stored);
      return [Buffer.from(value).toString(), isStale];
    };
    expect(read(byOne, aesgcm(["one", 1]))).toEqual([text, false]);
    expect(read(byOne, aesgcm(["two", 2], ["one", 1]))).toEqual([text, true]);
    expect(read(byOne, aesgcm(["two", 2]), aesgcm(["one", 1]))).toEqual([text, true]);
    expect(read(byOne, identity, aesgcm(["one", 1]))).toEqual([text, true]);
    expect(read(Buffer.from(text), aesgcm(["one", 1]), identity)).toEqual([text, true]);
    expect(read(Buffer.from(text), identity, aesgcm(["one", 1]))).toEqual([text, false]);
    // Two secrets of one name, while one takes the other's place.
    expect(read(byOne, aesgcm(["one", 9]), aesgcm(["one", 1]))).toEqual([text, true]);
  });

  it.each<[string, Provider[], string]>([
    [
      "no such key",
      [aesgcm(["two", 1])],
      'it is encrypted by aesgcm with the key "one", which the encryption configuration does not have',
    ],
    ["no key at all", [identity], 'it is encrypted by aesgcm with the key "one", which'],
    ["another secret", [aesgcm(["one", 2])], "the secret of that name does not fit it"],
  ])("that cannot be read says why and nothing of itself: %s", (_, providers, words) => {
    const stored = cipherOf(aesgcm(["one", 1])).encrypt(key, Buffer.from(text));
    const decrypt = (): unknown => cipherOf(...providers).decrypt(key, stored);
    expect(decrypt).toThrow(`unable to transform key "${key}": `);
    expect(decrypt).toThrow(words);
    expect(decrypt).toThrow(expect.objectContaining({ reason: "Unreadable" }));
    expect(decrypt).toThrow(/^(?!.*plain text)/s);
  });

  it("is missed where plain ones are not to be", () => {
    expect(() => cipherOf(aesgcm(["one", 1])).decrypt(key, Buffer.from(text))).toThrow("lists no identity provider");
  });
});

describe("an encrypted store on a disk", () => {
  let directory: string;
  let under: Storage;
  const open = () => openEmbeddedStorage({ directory, clock: new FakeClock(), log });

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "skiff-encrypted-"));
    under = await open();
  });
  afterEach(async () => {
    await under.close();
    rmSync(directory, { recursive: true });
  });

  const bytesOnDisk = (): string =>
    readdirSync(directory)
      .map((name) => readFileSync(join(directory, name), "latin1"))
      .join();

  it("has the plain text nowhere, and neither has a dump of it", async () => {
    const storage = new EncryptedStorage(under, cipherOf(aesgcm(["key1", 1])));
    const { revision } = await storage.put(key, Buffer.from(text), 0);
    await storage.put(key, Buffer.from(`${text}, changed`), revision);
    await under.put("/registry/configmaps/default/c", Buffer.from("open to everybody"), 0);
    const dumped: string[] = [];
    for await (const page of (await storage.dump("/registry/")).pages)
      for (const { value } of page) dumped.push(Buffer.from(value).toString("latin1"));
    for (const bytes of [bytesOnDisk(), dumped.join()]) {
      expect(bytes).toContain("k8s:enc:aesgcm:v1:key1:");
      expect(bytes).toContain("open to everybody");
      expect(bytes).not.toContain("plain text");
    }
  });

  it("tells what is stale until it is written again", async () => {
    const { revision } = await new EncryptedStorage(under, cipherOf(identity)).put(key, Buffer.from(text), 0);
    const storage = new EncryptedStorage(under, cipherOf(aesgcm(["key1", 1]), identity));
    expect(await storage.isStale(key)).toBe(true);
    await storage.put(key, (await storage.get(key))!.value, revision);
    expect(await storage.isStale(key)).toBe(false);
    expect(await storage.isStale(`${key}-missing`)).toBe(false);
  });
});
