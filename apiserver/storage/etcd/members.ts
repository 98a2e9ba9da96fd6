import { rootCertificates } from "node:tls";
import type { Duplex } from "node:stream";
import type { IOptions, IWatchRequest, IWatchResponse } from "etcd3";
import type { Clock } from "#base/clock";
import { EtcdClient } from "./etcd-client.ts";
import { failureOf } from "./etcd-failure.ts";
import type { EtcdOptions } from "./etcd-options.ts";

/** Longer than etcd's own patience with a proposal (seven seconds), so that it is the one to say what happened. */
const requestTimeoutMs = 10_000;

/** One stream of etcd's Watch service: pulled for responses, so that a slow reader slows the server down. */
export interface WatchStream extends AsyncIterable<IWatchResponse> {
  write(request: IWatchRequest): void;
  cancel(): void;
}

export interface Member {
  readonly url: string;
  readonly client: EtcdClient;
}

/**
 * The members of one etcd. Requests go to one of them until it fails; then the next one is used. A request that cannot have reached
 * its member is taken to another one; any other failure is the caller's.
 */
export class Members {
  readonly #options: EtcdOptions;
  readonly #clock: Clock;
  readonly #members: Member[];
  #current = 0;
  #trouble: string | undefined;

  constructor(options: EtcdOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#members = options.servers.map((url) => this.#connect(url));
    if (this.#members.length === 0) throw new Error("an etcd has at least one server");
  }

  /** Why etcd did not answer the last request; undefined when it did. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Each request gets `options`, in which its deadline is. @throws what `etcd3` throws, see etcd-failure.ts */
  async call<T>(
    ask: (client: EtcdClient, options: { deadline: number }) => Promise<T>,
    timeoutMs: number = requestTimeoutMs,
  ): Promise<T> {
    const options = { deadline: this.#clock.now() + timeoutMs };
    for (let left = this.#members.length; ; left--) {
      const member = this.#at(this.#current);
      try {
        const answer = await ask(member.client, options);
        this.#trouble = undefined;
        return answer;
      } catch (error) {
        const { isRefused, isMembers, message } = failureOf(error);
        if (!isMembers) {
          this.#trouble = undefined;
          throw error;
        }
        this.#trouble = message;
        this.leave(member);
        if (!isRefused || left <= 1) throw error;
      }
    }
  }

  /** The one in use now. */
  get current(): Member {
    return this.#at(this.#current);
  }

  /** After a failure of this one: others are asked from now on. */
  leave(member: Member): void {
    if (member.url === this.current.url) this.#current = (this.#current + 1) % this.#members.length;
  }

  /** Logs in anew at a member whose word for our token is not good any more. */
  renew(member: Member): void {
    const at = this.#members.findIndex(({ url }) => url === member.url);
    if (at < 0 || this.#members[at]?.client !== member.client || this.#options.auth === undefined) return;
    this.#members[at] = this.#connect(member.url);
    member.client.close();
  }

  async openWatch(member: Member): Promise<WatchStream> {
    const stream = (await member.client.watchClient.watch()) as unknown as WatchStream & Duplex;
    // Whoever iterates hears of errors; one that comes before or after that is not to end the process.
    stream.on("error", () => undefined);
    return stream;
  }

  close(): void {
    for (const { client } of this.#members) client.close();
  }

  #at(index: number): Member {
    const member = this.#members[index];
    if (member === undefined) throw new RangeError(`there is no member ${index}`);
    return member;
  }

  #connect(url: string): Member {
    const { tls, auth } = this.#options;
    const deadline = (): { deadline: number } => ({ deadline: this.#clock.now() + requestTimeoutMs });
    const client = new EtcdClient({
      hosts: url,
      ...(url.startsWith("https:") && { credentials: credentialsOf(tls ?? {}) }),
      ...(auth && { auth: { username: auth.user, password: auth.password, callOptions: deadline } }),
      grpcOptions: {
        ...channelOptions,
        ...(tls?.serverName !== undefined && { "grpc.ssl_target_name_override": tls.serverName }),
      },
      faultHandling: { global: onePass, host: () => onePass },
    });
    return { url, client };
  }
}

function credentialsOf({ ca, cert, key }: NonNullable<EtcdOptions["tls"]>): NonNullable<IOptions["credentials"]> {
  return {
    rootCertificate: Buffer.from(ca ?? rootCertificates.join("\n")),
    ...(cert !== undefined && { certChain: Buffer.from(cert) }),
    ...(key !== undefined && { privateKey: Buffer.from(key) }),
  };
}

const channelOptions = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // A write must not be sent twice by a layer that does not know what it is.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  // A member that hangs is found out. etcd refuses pings that come more often than each five seconds.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 1,
};

type Policy = NonNullable<NonNullable<IOptions["faultHandling"]>["global"]>;

const never = new AbortController().signal;

/** `etcd3` would otherwise repeat requests, writes among them, and stop asking a host for a while. */
const onePass = {
  execute: async <T>(fn: (context: { signal: AbortSignal }) => PromiseLike<T> | T): Promise<T> => fn({ signal: never }),
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
} as unknown as Policy;
