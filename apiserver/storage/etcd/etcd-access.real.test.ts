import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Etcd3, Range } from "etcd3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { createAuthority, issueCertificate } from "#cluster/pki/certificates";
import type { EtcdOptions } from "./etcd-options.ts";
import { isUnreachable, openEtcdStorage, type EtcdStorage } from "./etcd-storage.ts";
import { Members } from "./members.ts";
import { RealEtcd, whyNoEtcd } from "./real-etcd.testing.ts";
import { decodeSwapped, encodeSwap } from "./swap-message.ts";

const reason = whyNoEtcd();
const sailor = { user: "skiff", password: "of the ships" };
const shared = { clock: systemClock, random: systemRandom, log: silentLogger };

describe.skipIf(reason !== "")(`an etcd that does not let everybody in${reason && ` (skipped: ${reason})`}`, () => {
  let folder: string;
  let etcd: RealEtcd;
  let tls: { ca: string; cert: string; key: string };
  let stranger: { cert: string; key: string };
  let storage: EtcdStorage | undefined;
  const open = async (options: Partial<EtcdOptions>): Promise<EtcdStorage> =>
    (storage = await openEtcdStorage({ etcd: { servers: etcd.servers, tls, ...options }, ...shared }));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "skiff-etcd-tls-"));
    const authority = await createAuthority("etcd-ca", systemClock, systemRandom);
    const other = await createAuthority("other-ca", systemClock, systemRandom);
    const issue = (from: typeof authority, commonName: string) =>
      issueCertificate(from, { commonName, use: "both", ipAddresses: ["127.0.0.1"] }, systemClock, systemRandom);
    const server = await issue(authority, "etcd");
    // With a name in the certificate etcd would take that for the user, and the password for nothing.
    const client = await issue(authority, "");
    stranger = await issue(other, "stranger");
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const files = {
      ca: file("ca.crt", authority.cert),
      cert: file("server.crt", server.cert),
      key: file("server.key", server.key),
    };
    tls = { ca: authority.cert, ...client };
    etcd = await RealEtcd.start(1, { tls: files });
  });

  afterEach(async () => {
    await storage?.close();
    storage = undefined;
  });

  afterAll(async () => {
    await (etcd as RealEtcd | undefined)?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is opened by a certificate of its authority, and by no other", async () => {
    const opened = await open({});
    const { revision } = await opened.put("/registry/k/a", Buffer.from("x"), 0);
    expect((await opened.get("/registry/k/a"))?.revision).toBe(revision);
    await opened.close();
    await expect(open({ tls: { ...tls, ...stranger } })).rejects.toMatchObject({ reason: "Unavailable" });
    await expect(open({ tls: { ...tls, ca: stranger.cert } })).rejects.toMatchObject({ reason: "Unavailable" });
  });

  it("is opened by a user with a password who may use nothing but the prefix, and again when it forgot who logged in", async () => {
    await protectByPassword(etcd, tls);
    const refused = await open({ auth: { ...sailor, password: "wrong" } }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ reason: "Unavailable", message: expect.stringContaining("authentication failed") as string });
    expect(isUnreachable(refused)).toBe(false);
    const opened = await open({ auth: sailor });
    const stop = new AbortController();
    const events = opened.watch("/registry/k/", await opened.revision(), stop.signal)[Symbol.asyncIterator]();
    let pending = events.next();
    const { revision } = await opened.put("/registry/k/b", Buffer.from("x"), 0);
    expect((await pending).value).toMatchObject({ revision });
    pending = events.next();
    // Tokens are in its memory alone.
    await etcd.kill();
    await etcd.restart();
    await etcd.whenReady();
    await expect
      .poll(() =>
        opened.get("/registry/k/b").then(
          () => "read",
          () => "not yet",
        ),
      )
      .toBe("read");
    const again = await opened.put("/registry/k/c", Buffer.from("x"), 0);
    expect((await pending).value).toMatchObject({ revision: again.revision });
    stop.abort();
    await pending.catch(() => undefined);
  });

  it("takes a write by a user whose logins it has forgotten, once they have logged in anew", async () => {
    const members = new Members({ servers: etcd.servers, tls, auth: sailor }, systemClock);
    try {
      const swap = encodeSwap(Buffer.from("/registry/j"), 0, { value: Buffer.from("x") });
      const write = (): Promise<Uint8Array> => members.call((client, options) => client.transact(swap, options));
      expect(decodeSwapped(await write()).succeeded).toBe(true);
      await forgetLogins(etcd, tls);
      expect(decodeSwapped(await write()).succeeded).toBe(false);
    } finally {
      members.close();
    }
  });
});

interface Pairs {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const captain = { username: "root", password: "of the roots" };

async function protectByPassword(etcd: RealEtcd, tls: Pairs): Promise<void> {
  const client = new Etcd3({ hosts: etcd.servers, credentials: credentialsOf(tls) });
  try {
    const root = await client.role("root").create();
    await (await client.user(captain.username).create(captain.password)).addRole(root);
    const role = await client.role("skiff").create();
    await role.grant({ permission: "Readwrite", range: Range.prefix("/registry/") });
    await (await client.user(sailor.user).create(sailor.password)).addRole(role);
    await client.auth.authEnable();
  } finally {
    client.close();
  }
}

/** A user who is given a password, be it the same, has to log in anew. */
async function forgetLogins(etcd: RealEtcd, tls: Pairs): Promise<void> {
  const client = new Etcd3({ hosts: etcd.servers, credentials: credentialsOf(tls), auth: captain });
  await client
    .user(sailor.user)
    .setPassword(sailor.password)
    .finally(() => client.close());
}

function credentialsOf({ ca, cert, key }: Pairs): { rootCertificate: Buffer; certChain: Buffer; privateKey: Buffer } {
  return { rootCertificate: Buffer.from(ca), certChain: Buffer.from(cert), privateKey: Buffer.from(key) };
}
