import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Target } from "./connection.ts";

/** So many clients, each on its own connection, send `count` requests one after the other. */
export interface RequestLoad {
  readonly kind: "requests";
  readonly target: Target;
  readonly clients: number;
  readonly count: number;
  readonly method: string;
  /** In `path` and `body`, `%N` stands for the request's number and `%C` for its client's. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly gzip?: boolean;
  /** Where the numbers begin. */
  readonly from?: number;
}

/** Watches that stay open until the process ends, each counting the events it is shown. */
export interface WatchLoad {
  readonly kind: "watches";
  readonly target: Target;
  readonly count: number;
  readonly path: string;
  readonly gzip?: boolean;
}

/** One client writes, another watches; and one renews leases each second. */
export interface LatencyLoad {
  readonly kind: "latency";
  readonly target: Target;
  readonly writes: number;
  readonly everyMs: number;
  readonly leases: number;
}

/** `put` by etcd3, so many under way. */
export interface EtcdLoad {
  readonly kind: "etcd";
  readonly url: string;
  readonly clients: number;
  readonly count: number;
  readonly bytes: number;
}

export type Load = RequestLoad | WatchLoad | LatencyLoad | EtcdLoad;

export interface Measured {
  readonly seconds: number;
  /** Requests answered, or events seen. */
  readonly done: number;
  readonly bytes: number;
  readonly p50: number;
  readonly p99: number;
  /** Of leases, how late the latest renewal was, in milliseconds. */
  readonly latestMs?: number;
}

export type FromLoad =
  { readonly ready: true } | { readonly seen: number } | { readonly measured: Measured } | { readonly failed: string };
export type ToLoad = { readonly load: Load } | { readonly report: true };

/** A process of its own that loads a server, so that what it costs is not the server's. */
export class LoadProcess {
  readonly #child: ChildProcess;
  #listener: ((message: FromLoad) => void) | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message: FromLoad) => this.#listener?.(message));
    child.once("exit", (code) => this.#listener?.({ failed: `the load generator ended with ${code ?? "a signal"}` }));
  }

  static start(): LoadProcess {
    const program = fileURLToPath(new URL("./load-main.ts", import.meta.url));
    return new LoadProcess(fork(program, { execArgv: ["--conditions=source", "--import", "tsx"], serialization: "advanced" }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves once it is done; of watches, once all are open. */
  async run(load: Load): Promise<Measured> {
    return this.#ask({ load }, (message) => ("measured" in message ? message.measured : undefined));
  }

  /** How many events its watches have been shown. */
  seen(): Promise<number> {
    return this.#ask({ report: true }, (message) => ("seen" in message ? message.seen : undefined));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#listener = undefined;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exited;
  }

  #ask<T>(message: ToLoad, read: (message: FromLoad) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#listener = (answer) => {
        if ("failed" in answer) reject(new Error(answer.failed));
        const found = read(answer);
        if (found !== undefined) resolve(found);
      };
      this.#child.send(message);
    });
  }
}
