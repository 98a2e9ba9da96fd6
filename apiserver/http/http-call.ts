import type { IncomingMessage } from "node:http";
import type { ApiRequest, Credentials, Impersonation, Verb } from "#api/request";
import type { Cancellation } from "#base/cancellation";
import { impersonationOf } from "./impersonation-headers.ts";
import type { ResourcePath } from "./request-path.ts";

/** What is known of a request once its path and headers are read. */
export interface Head {
  readonly target: ResourcePath;
  readonly verb: Verb;
  readonly query: URLSearchParams;
  readonly credentials: Credentials;
  readonly upgrade: Readonly<Record<string, string>> | undefined;
}

/** A request that came over HTTP. A class, because one is made for each of them and its signal only when somebody asks. */
export class HttpCall implements ApiRequest {
  readonly verb: Verb;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly accept: string;
  readonly body: Uint8Array | undefined;
  readonly credentials: Credentials;
  readonly impersonate: Impersonation | undefined;
  readonly userAgent: string;
  readonly upgrade: Readonly<Record<string, string>> | undefined;
  readonly #ended: Cancellation;

  constructor(request: IncomingMessage, head: Head, body: Uint8Array | undefined, ended: Cancellation) {
    const { target } = head;
    const { headers } = request;
    this.verb = head.verb;
    this.group = target.group;
    this.version = target.version;
    this.resource = target.resource;
    this.namespace = target.namespace;
    this.name = target.name;
    this.subresource = target.subresource;
    this.query = head.query;
    this.contentType = headers["content-type"] ?? "";
    this.accept = headers.accept ?? "";
    this.body = body;
    this.credentials = head.credentials;
    this.impersonate = impersonationOf(request);
    this.userAgent = headers["user-agent"] ?? "";
    this.upgrade = head.upgrade;
    this.#ended = ended;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }
}
