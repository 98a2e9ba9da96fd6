import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import { writeDurably } from "../state/write-whole.ts";
import {
  createAuthority,
  createSigningKey,
  endsSoon,
  issueCertificate,
  type CertificateRequest,
  type KeyPair,
} from "./certificates.ts";

const renewBeforeMs = 30 * 24 * 3600 * 1000;

/** Where a cluster keeps its keys: made when first asked for, renewed a month before they end, readable by their owner alone. */
export interface Pki {
  /** PEM of the certificate that signs everything. */
  readonly ca: string;
  /** The pair of that name; a change of what it must say makes a new one. */
  pair(name: string, request: CertificateRequest): Promise<KeyPair>;
  /** PEM of a private key without a certificate, to sign tokens with: made once, kept for good. */
  signingKey(name: string): Promise<string>;
}

export async function openPki(directory: string, clock: Clock, random: Random): Promise<Pki> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority =
    (await readPair(directory, "ca")) ?? (await writePair(directory, "ca", await createAuthority("skiff-ca", clock, random)));
  return {
    ca: authority.cert,
    pair: async (name, request) => {
      const known = await readPair(directory, name);
      const wanted = JSON.stringify(request);
      const made = await readText(join(directory, `${name}.json`));
      if (known !== undefined && made === wanted && !endsSoon(known.cert, clock, renewBeforeMs)) return known;
      const fresh = await writePair(directory, name, await issueCertificate(authority, request, clock, random));
      await writeDurably(join(directory, `${name}.json`), wanted);
      return fresh;
    },
    signingKey: async (name) => {
      const path = join(directory, `${name}.key`);
      const known = await readText(path);
      if (known !== undefined) return known;
      const fresh = await createSigningKey();
      await writeDurably(path, fresh);
      return fresh;
    },
  };
}

/** A cluster inside one process keeps its keys in memory. */
export async function memoryPki(clock: Clock, random: Random): Promise<Pki> {
  const authority = await createAuthority("skiff-ca", clock, random);
  return {
    ca: authority.cert,
    pair: (_name, request) => issueCertificate(authority, request, clock, random),
    signingKey: () => createSigningKey(),
  };
}

async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const [cert, key] = await Promise.all([readText(join(directory, `${name}.crt`)), readText(join(directory, `${name}.key`))]);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

async function writePair(directory: string, name: string, pair: KeyPair): Promise<KeyPair> {
  await writeDurably(join(directory, `${name}.key`), pair.key);
  await writeDurably(join(directory, `${name}.crt`), pair.cert);
  return pair;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
