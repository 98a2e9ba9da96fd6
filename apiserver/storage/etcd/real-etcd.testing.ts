import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Etcd3 } from "etcd3";
import { systemClock } from "#base/clock";
import { freePorts } from "#base/free-ports.testing";

/** The etcd on PATH, or the one that SKIFF_ETCD names. */
const etcdBinary =
  process.env["SKIFF_ETCD"] ??
  [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"].map((folder) => join(folder, "etcd")).find(existsSync);

/** Why tests on a real etcd cannot run here; empty when they can. In CI that is a failure. */
export function whyNoEtcd(): string {
  if (etcdBinary !== undefined) return "";
  if (process.env["CI"] === "true") throw new Error("missing in CI: etcd");
  return "needs etcd";
}

export interface EtcdFlags {
  /** Its listeners speak TLS, with these files of PEM. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly extra?: readonly string[];
  /** Where each member is, if not on loopback. */
  readonly places?: readonly EtcdPlace[];
}

export interface EtcdPlace {
  readonly address: string;
  /** Runs a program there, in another network namespace say, and becomes it. */
  readonly launcher: readonly string[];
}

const here: EtcdPlace = { address: "127.0.0.1", launcher: [] };

/** An etcd of its own on loopback, in a folder of its own, of one member or several. */
export class RealEtcd {
  readonly #members: Member[];
  readonly #folder: string;

  private constructor(members: Member[], folder: string) {
    this.#members = members;
    this.#folder = folder;
  }

  static async start(count = 1, flags: EtcdFlags = {}): Promise<RealEtcd> {
    const folder = mkdtempSync(join(tmpdir(), "skiff-etcd-"));
    const ports = await freePorts(2 * count);
    const scheme = flags.tls === undefined ? "http" : "https";
    const places = Array.from({ length: count }, (_, index) => {
      const { address, launcher } = flags.places?.[index] ?? here;
      const client = `${scheme}://${address}:${ports[2 * index] ?? 0}`;
      return { name: `m${index}`, client, peer: `http://${address}:${ports[2 * index + 1] ?? 0}`, launcher };
    });
    const cluster = places.map(({ name, peer }) => `${name}=${peer}`).join(",");
    const etcd = new RealEtcd(
      places.map(
        (place) => new Member(place.client, argumentsOf(place, join(folder, place.name), cluster, flags), place.launcher),
      ),
      folder,
    );
    try {
      await Promise.all(etcd.#members.map((member) => member.start()));
      await etcd.whenReady();
    } catch (error) {
      await etcd.remove();
      throw error;
    }
    return etcd;
  }

  get servers(): string[] {
    return this.#members.map(({ url }) => url);
  }

  /** Ends a member with SIGKILL. */
  async kill(index = 0): Promise<void> {
    await this.#members[index]?.kill();
  }

  async restart(index = 0): Promise<void> {
    await this.#members[index]?.start();
  }

  /** Which member leads, once they have chosen. */
  async leader(): Promise<number> {
    for (let turn = 0; turn < 300; turn++) {
      for (const [index, url] of this.servers.entries()) if (await leads(url)) return index;
      await systemClock.sleep(50);
    }
    throw new Error("no member leads");
  }

  /** Freezes a member, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT", index = 0): void {
    this.#members[index]?.signal(signal);
  }

  /** Until every member's listener answers. */
  async whenReady(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.whenListening()));
  }

  async remove(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

class Member {
  readonly url: string;
  readonly #args: readonly string[];
  readonly #launcher: readonly string[];
  #child: ChildProcess | undefined;
  #output = "";

  constructor(url: string, args: readonly string[], launcher: readonly string[]) {
    this.url = url;
    this.#launcher = launcher;
    this.#args = args;
  }

  async start(): Promise<void> {
    if (etcdBinary === undefined) throw new Error("there is no etcd");
    this.#output = "";
    const [program = etcdBinary, ...args] = [...this.#launcher, etcdBinary, ...this.#args];
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env: {} });
    child.stderr.on("data", (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-5_000)));
    this.#child = child;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;
  }

  async whenListening(): Promise<void> {
    for (let turn = 0; turn < 1_200; turn++) {
      if (this.#child === undefined || this.#child.exitCode !== null) throw new Error(`etcd ended: ${this.#output}`);
      if (/ready to serve client requests|serving (insecure )?client (requests|traffic)/i.test(this.#output)) return;
      await systemClock.sleep(50);
    }
    throw new Error(`etcd does not come up: ${this.#output}`);
  }
}

async function leads(url: string): Promise<boolean> {
  const client = new Etcd3({ hosts: url });
  const status = await client.maintenance
    .status()
    .catch(() => undefined)
    .finally(() => client.close());
  return status !== undefined && status.leader === status.header.member_id;
}

function argumentsOf(
  { name, client, peer }: { name: string; client: string; peer: string },
  folder: string,
  cluster: string,
  { tls, extra = [] }: EtcdFlags,
): string[] {
  return [
    ...["--name", name, "--data-dir", folder, "--logger", "zap", "--log-outputs", "stderr"],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster],
    ...(tls === undefined
      ? []
      : ["--client-cert-auth", "--trusted-ca-file", tls.ca, "--cert-file", tls.cert, "--key-file", tls.key]),
    ...extra,
  ];
}

/** Its version, e.g. `3.4.23`. */
export function etcdVersion(): string {
  if (etcdBinary === undefined) return "";
  return /etcd Version: (\S+)/.exec(execFileSync(etcdBinary, ["--version"]).toString())?.[1] ?? "";
}
