import type { ResourceDefinition } from "#api/definition";
import type { ApiRequest, ApiResponse, Handle } from "#api/request";
import { StatusError } from "#api/status";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { KubeObject } from "#api/object";
import { admissionChain } from "./admission/admission.ts";
import { defaultTolerationSeconds } from "./admission/default-toleration-seconds.ts";
import { namespaceLifecycle } from "./admission/namespace-lifecycle.ts";
import { nodeRestriction } from "./admission/node-restriction.ts";
import { authenticate, type TokenAuthenticator } from "./authn/authenticate.ts";
import type { UserInfo } from "./authn/user.ts";
import { forbiddenError, forbiddenPathError, union, type Attributes, type Authorizer } from "./authz/authorizer.ts";
import { nodeAuthorizer } from "./authz/node-authorizer.ts";
import { bootstrapPolicy, policyAuthorizer } from "./authz/policy-rules.ts";
import { resourcesOf } from "./discovery/resources.ts";
import type { NodeConnection } from "./registry/pod-log.ts";
import { Registry } from "./registry/registry.ts";
import { handleResource } from "./registry/resource-handler.ts";
import type { ResourceStore } from "./registry/resource-store.ts";
import type { Storage } from "./storage/storage.ts";

export interface ApiServerOptions {
  readonly definitions: readonly ResourceDefinition[];
  readonly storage: Storage;
  readonly tokens: readonly TokenAuthenticator[];
  readonly nodes: NodeConnection;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * The API server as a function: authenticate, authorize, and hand to the registry. It knows nothing of HTTP, so that a component
 * in the same process passes the same gates without a socket.
 */
export class ApiServer {
  readonly registry: Registry;
  readonly definitions: readonly ResourceDefinition[];
  readonly #authorizer: Authorizer;
  readonly #options: ApiServerOptions;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.definitions = options.definitions;
    this.registry = new Registry({
      ...options,
      admission: (reader) => admissionChain([namespaceLifecycle(reader), nodeRestriction(reader), defaultTolerationSeconds]),
    });
    this.#authorizer = union([nodeAuthorizer(this.registry), policyAuthorizer(bootstrapPolicy)]);
  }

  /** Resolves when requests can be answered. Everything behind it ends with the signal. */
  async start(signal: AbortSignal): Promise<void> {
    await this.registry.start(signal);
  }

  readonly handle: Handle = async (request) => {
    const warnings: string[] = [];
    try {
      const user = await authenticate(request.credentials, this.#options.tokens);
      await this.#authorize(request, user, request.verb);
      const store = this.#storeOf(request);
      const { clock, random, nodes } = this.#options;
      const authorizeCreate = (asked: ApiRequest, who: UserInfo): Promise<void> => this.#authorize(asked, who, "create");
      return await handleResource(store, request, user, {
        reader: this.registry,
        nodes,
        clock,
        random,
        warnings,
        authorizeCreate,
      });
    } catch (error) {
      if (request.signal.aborted) throw error;
      return this.failure(error, warnings);
    }
  };

  /** For what is served beside the API. @throws StatusError Unauthorized, Forbidden */
  async authorizePath(credentials: ApiRequest["credentials"], verb: string, path: string): Promise<void> {
    const user = await authenticate(credentials, this.#options.tokens);
    const { decision } = await this.#authorizer.authorizePath(user, verb, path);
    if (decision !== "allow") throw forbiddenPathError(user, verb, path);
  }

  /** The one place where the unexpected becomes an answer: generic to the client, the cause to the log. */
  failure(error: unknown, warnings: readonly string[] = []): ApiResponse {
    const known = error instanceof StatusError ? error : this.#internalError(error);
    const status = known.toStatus() as unknown as KubeObject;
    const seconds = known.details.retryAfterSeconds;
    const headers = seconds === undefined ? {} : { "retry-after": String(seconds) };
    return {
      kind: "object",
      status: known.code,
      warnings,
      headers,
      object: status,
      bytes: () => Buffer.from(JSON.stringify(status)),
    };
  }

  #internalError(error: unknown): StatusError {
    this.#options.log.error("a request failed in an unexpected way", { error });
    const causes = [{ message: "the server met an unexpected condition, its log says more" }];
    return new StatusError(
      "InternalError",
      "Internal error occurred: the server met an unexpected condition, its log says more",
      { causes },
    );
  }

  async #authorize(request: ApiRequest, user: UserInfo, verb: string): Promise<void> {
    const fieldSelector = request.query.get("fieldSelector");
    const attributes: Attributes = {
      user,
      verb,
      group: request.group,
      resource: request.resource,
      ...(request.subresource !== undefined && { subresource: request.subresource }),
      ...(request.namespace !== undefined && { namespace: request.namespace }),
      ...(request.name !== undefined && { name: request.name }),
      ...(fieldSelector !== null && { fieldSelector }),
    };
    const { decision, reason } = await this.#authorizer.authorize(attributes);
    if (decision !== "allow") throw forbiddenError(attributes, reason);
  }

  /** @throws StatusError NotFound, MethodNotAllowed */
  #storeOf(request: ApiRequest): ResourceStore {
    const { group, version, resource, subresource, verb } = request;
    const store = this.registry.find(group, version, resource);
    if (store === undefined) throw noSuchResource();
    const wanted = subresource === undefined ? resource : `${resource}/${subresource}`;
    const served = resourcesOf(store.definition).find(({ name }) => name === wanted);
    if (served === undefined) throw noSuchResource();
    if (!served.verbs.includes(verb)) {
      throw new StatusError("MethodNotAllowed", `the server does not allow this method on the requested resource`, {});
    }
    return store;
  }
}

export function noSuchResource(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource", {});
}
