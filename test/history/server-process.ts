import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { Readable, Writable } from "node:stream";
import { build } from "esbuild";
import { systemClock } from "#base/clock";
import { packageRoot } from "#base/package-root";
import { systemRandom, type Random } from "#base/random";
import { memoryPki } from "#cluster/pki/pki";

export interface ClientCredentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What befalls the store's file besides the death of its process. */
export interface Disk {
  /** For the process that writes to the store in `directory`. */
  environment(directory: string): Readonly<Record<string, string>>;
  /** Takes from the store what the disk loses. */
  cutPower(directory: string, pid: number, roll: () => number): void;
}

export interface ServerOptions {
  readonly random: Random;
  readonly disk?: Disk;
}

/** An API server on an embedded store, in a process of its own that is killed and started again on the same folder. */
export class ServerProcess {
  readonly #folder: string;
  readonly #program: string;
  readonly #options: ServerOptions;
  readonly credentials: ClientCredentials;
  /** Loads its code while the one before it serves, so that it can take over at once. */
  #next: Child;
  #current: Child | undefined;
  #starts = 0;
  #port = 0;

  private constructor(folder: string, program: string, credentials: ClientCredentials, options: ServerOptions) {
    this.#folder = folder;
    this.#program = program;
    this.#options = options;
    this.credentials = credentials;
    this.#next = this.#load();
  }

  static async start(options: ServerOptions): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), "skiff-history-"));
    try {
      const [program, credentials] = await Promise.all([bundle(folder), writePki(folder)]);
      const server = new ServerProcess(folder, program, credentials, options);
      await server.restart();
      return server;
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  get name(): string {
    return `server-${this.#starts}`;
  }

  get port(): number {
    return this.#port;
  }

  async kill(): Promise<void> {
    const child = this.#current;
    this.#current = undefined;
    if (child === undefined) return;
    await child.kill();
    const { disk, random } = this.#options;
    disk?.cutPower(this.#store, child.pid, () => random.float());
  }

  async restart(): Promise<void> {
    await this.kill();
    const child = this.#next;
    this.#next = this.#load();
    this.#current = child;
    await child.line();
    this.#port = Number(await child.ask("open"));
    this.#starts++;
  }

  get #store(): string {
    return join(this.#folder, "store");
  }

  #load(): Child {
    return new Child(this.#program, this.#folder, this.#options.disk?.environment(this.#store) ?? {});
  }

  async compact(version: number): Promise<void> {
    await this.#current?.ask(`compact ${version}`);
  }

  async remove(): Promise<void> {
    await Promise.all([this.kill(), this.#next.kill()]);
    rmSync(this.#folder, { recursive: true });
  }
}

class Child {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #errors = "";

  constructor(program: string, folder: string, environment: Readonly<Record<string, string>>) {
    const env = { ...process.env, ...environment };
    this.#child = spawn(process.execPath, [program, folder], { cwd: packageRoot, env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin.on("error", () => undefined);
    this.#child.stderr.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#ended = once(this.#child, "close");
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(command: string): Promise<string> {
    this.#child.stdin.write(`${command}\n`);
    return this.line();
  }

  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error(`the server has ended: ${this.#errors}`);
    return next.value;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

async function writePki(folder: string): Promise<ClientCredentials> {
  const pki = await memoryPki(systemClock, systemRandom);
  const server = await pki.pair("server", { commonName: "kube-apiserver", use: "server", ipAddresses: ["127.0.0.1"] });
  const client = await pki.pair("admin", { commonName: "admin", organizations: ["system:masters"], use: "client" });
  const files = { "ca.crt": pki.ca, "server.crt": server.cert, "server.key": server.key, "sa.key": await pki.signingKey("sa") };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  return { ca: pki.ca, cert: client.cert, key: client.key };
}

/** One file starts in a third of the time. */
async function bundle(folder: string): Promise<string> {
  const outfile = join(folder, "server.mjs");
  const native = new Set(["lmdb", "koffi", "pino", "etcd3"]);
  await build({
    absWorkingDir: packageRoot,
    entryPoints: ["test/history/server-main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["source"],
    // From where it finds its package, and what it does not bundle.
    define: { "import.meta.url": JSON.stringify(pathToFileURL(join(packageRoot, "server.mjs"))) },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    plugins: [
      {
        // Native code, and what loads its own files by path, is found where it is installed.
        name: "native",
        setup: (bundler) =>
          bundler.onResolve({ filter: /^[a-z]/ }, ({ path }) =>
            native.has(path) ? { path: import.meta.resolve(path), external: true } : undefined,
          ),
      },
    ],
    logLevel: "error",
  });
  return outfile;
}
