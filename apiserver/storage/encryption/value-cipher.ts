import { createCipheriv, createDecipheriv, type CipherGCMTypes } from "node:crypto";
import type { Random } from "#base/random";
import { StorageError } from "../storage.ts";
import type { EncryptionKey, Provider } from "./configuration.ts";

const encrypted = Buffer.from("k8s:enc:");
const aesgcm = "k8s:enc:aesgcm:v1:";
const nonceLength = 12;
const tagLength = 16;

type Way = { readonly type: "identity" } | { readonly type: "aesgcm"; readonly key: EncryptionKey; readonly prefix: Buffer };

export interface Decrypted {
  readonly value: Uint8Array;
  /** It is not as it would be written now. */
  readonly isStale: boolean;
}

/**
 * Values as they lie in the store: `k8s:enc:aesgcm:v1:KEY:`, a nonce of 12 bytes, the encrypted value with its tag of 16; or plain
 * (upstream: apiserver/pkg/storage/value/encrypt/aes). The key under which a value lies belongs to it: nobody who writes to the store
 * can pass one object's value off as another's. A key of AES-GCM is good for 2^32 values with random nonces.
 */
export class ValueCipher {
  readonly #ways: readonly Way[];
  readonly #random: Random;

  constructor(providers: readonly Provider[], random: Random) {
    this.#random = random;
    this.#ways = providers.flatMap((provider): Way[] =>
      provider.type === "identity"
        ? [provider]
        : provider.keys.map((key) => ({ type: "aesgcm", key, prefix: Buffer.from(`${aesgcm}${key.name}:`) })),
    );
  }

  /** There is one way to write and to read: what can be read is as it would be written. */
  get knowsOneWay(): boolean {
    return this.#ways.length === 1;
  }

  encrypt(storageKey: string, value: Uint8Array): Uint8Array {
    const [way] = this.#ways;
    if (way?.type !== "aesgcm") return value;
    const nonce = this.#random.bytes(nonceLength);
    const cipher = createCipheriv(algorithm(way.key), way.key.secret, nonce).setAAD(Buffer.from(storageKey));
    return Buffer.concat([way.prefix, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws StorageError Unreadable, which says what it lacks */
  decrypt(storageKey: string, stored: Uint8Array): Decrypted {
    const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    const isPlain = !startsWith(bytes, encrypted);
    let found = false;
    for (const [index, way] of this.#ways.entries()) {
      if (way.type === "identity") {
        if (isPlain) return { value: stored, isStale: index > 0 };
        continue;
      }
      if (!startsWith(bytes, way.prefix)) continue;
      found = true;
      const value = open(way.key, storageKey, bytes.subarray(way.prefix.length));
      if (value !== undefined) return { value, isStale: index > 0 };
    }
    throw unreadable(storageKey, isPlain ? notEncrypted : whyNot(bytes, found));
  }
}

function open({ name: _, secret }: EncryptionKey, storageKey: string, bytes: Buffer): Uint8Array | undefined {
  if (bytes.length < nonceLength + tagLength) return undefined;
  const nonce = bytes.subarray(0, nonceLength);
  const end = bytes.length - tagLength;
  const decipher = createDecipheriv(algorithm({ secret }), secret, nonce, { authTagLength: tagLength });
  decipher.setAAD(Buffer.from(storageKey)).setAuthTag(bytes.subarray(end));
  const value = decipher.update(bytes.subarray(nonceLength, end));
  try {
    return Buffer.concat([value, decipher.final()]);
  } catch {
    return undefined;
  }
}

function algorithm({ secret }: Pick<EncryptionKey, "secret">): CipherGCMTypes {
  return `aes-${(secret.length * 8) as 128 | 192 | 256}-gcm`;
}

const notEncrypted = "it is not encrypted, and the encryption configuration lists no identity provider";

function whyNot(stored: Buffer, hasKey: boolean): string {
  const [, , provider = "", , key = ""] = stored.subarray(0, 512).toString("latin1").split(":");
  const by = `it is encrypted by ${provider} with the key ${JSON.stringify(key)}`;
  return hasKey
    ? `${by}, and the secret of that name does not fit it`
    : `${by}, which the encryption configuration does not have`;
}

function unreadable(storageKey: string, why: string): StorageError {
  return new StorageError("Unreadable", `unable to transform key ${JSON.stringify(storageKey)}: ${why}`);
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  return bytes[0] === prefix[0] && bytes.subarray(0, prefix.length).equals(prefix);
}
