import type { ResourceDefinition, ServedDefinition } from "#api/definition";
import type { ApiRequest, ApiResponse, Handle } from "#api/request";
import { StatusError } from "#api/status";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { KubeObject } from "#api/object";
import { admissionChain, type Admission } from "./admission/admission.ts";
import { defaultTolerationSeconds } from "./admission/default-toleration-seconds.ts";
import { namespaceLifecycle } from "./admission/namespace-lifecycle.ts";
import { nodeRestriction } from "./admission/node-restriction.ts";
import { priority } from "./admission/priority.ts";
import { serviceAccount } from "./admission/service-account.ts";
import { taintNodesByCondition } from "./admission/taint-nodes-by-condition.ts";
import { authenticate, type AuthenticationOptions, type TokenAuthenticator } from "./authn/authenticate.ts";
import { impersonate } from "./authn/impersonation.ts";
import { selfSubjectReview, tokenReview } from "./authn/reviews.ts";
import { serviceAccountTokens, type ServiceAccountTokens } from "./authn/service-account-tokens.ts";
import type { TokenKeys } from "./authn/token-keys.ts";
import type { UserInfo } from "./authn/user.ts";
import { accessReviews } from "./authz/access-reviews.ts";
import { forbiddenError, forbiddenPathError, union, type Attributes, type Authorizer } from "./authz/authorizer.ts";
import { nodeAuthorizer } from "./authz/node-authorizer.ts";
import { bootstrapPolicy, policyAuthorizer } from "./authz/policy-rules.ts";
import { resourcesOf } from "./discovery/resources.ts";
import type { NodeConnection } from "./registry/node-access.ts";
import type { Reader } from "./registry/reader.ts";
import { Registry, type RegistryOptions } from "./registry/registry.ts";
import { handleResource } from "./registry/resource-handler.ts";
import type { ResourceStore } from "./registry/resource-store.ts";
import { handleReview, type Review } from "./registry/review.ts";

export interface ApiServerOptions {
  readonly definitions: readonly ResourceDefinition[];
  /** Of each kind, or one for all. */
  readonly storage: RegistryOptions["storage"];
  /** Besides those of service accounts. */
  readonly tokens: readonly TokenAuthenticator[];
  readonly serviceAccounts: {
    readonly keys: TokenKeys;
    readonly issuer: string;
  };
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
  /** What is served: kinds that are stored, and those that are only answered. */
  readonly definitions: readonly ServedDefinition[];
  readonly #authorizer: Authorizer;
  readonly #serviceAccounts: ServiceAccountTokens;
  readonly #authentication: AuthenticationOptions;
  readonly #reviews: readonly Review[];
  readonly #options: ApiServerOptions;

  constructor(options: ApiServerOptions) {
    const { clock, random, serviceAccounts } = options;
    const { issuer } = serviceAccounts;
    const audiences = [issuer];
    this.#options = options;
    const chain = (reader: Reader): Admission =>
      admissionChain([
        namespaceLifecycle(reader),
        serviceAccount(reader, { clock, random }),
        nodeRestriction(reader, audiences),
        taintNodesByCondition,
        priority(reader),
        defaultTolerationSeconds,
      ]);
    this.registry = new Registry({ ...options, admission: chain });
    this.#serviceAccounts = serviceAccountTokens({ ...serviceAccounts, audiences, reader: this.registry, clock, random });
    this.#authentication = { audiences, tokens: [...options.tokens, this.#serviceAccounts.authenticate] };
    this.#authorizer = union([nodeAuthorizer(this.registry), policyAuthorizer(bootstrapPolicy)]);
    this.#reviews = [selfSubjectReview, tokenReview(this.#authentication), ...accessReviews(this.#authorizer)];
    this.definitions = [...options.definitions, ...this.#reviews.map(({ definition }) => definition)];
  }

  /** Resolves when requests can be answered. Everything behind it ends with the signal. */
  async start(signal: AbortSignal): Promise<void> {
    await this.registry.start(signal);
  }

  readonly handle: Handle = async (request) => {
    const warnings: string[] = [];
    try {
      const user = await this.#userOf(request);
      await this.#authorize(request, user, request.verb);
      const review = this.#reviewOf(request);
      if (review !== undefined) return await handleReview(review, request, user, warnings);
      const store = this.#storeOf(request);
      const { clock, random, nodes } = this.#options;
      const authorizeCreate = (asked: ApiRequest, who: UserInfo): Promise<void> => this.#authorize(asked, who, "create");
      return await handleResource(store, request, user, {
        reader: this.registry,
        nodes,
        tokens: this.#serviceAccounts,
        admission: this.registry.admission,
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

  /** Whether there is such a kind, and such a part of it. */
  serves(target: Pick<ApiRequest, "group" | "version" | "resource" | "subresource">): boolean {
    const store = this.registry.find(target.group, target.version, target.resource);
    const definition = store?.definition ?? this.#reviewFor(target)?.definition;
    return definition !== undefined && (target.subresource === undefined || verbsOf(definition).has(pathOf(target)));
  }

  /** For what is served beside the API. @throws StatusError Unauthorized, Forbidden */
  async authorizePath(sender: Pick<ApiRequest, "credentials" | "impersonate">, verb: string, path: string): Promise<void> {
    const user = await this.#userOf(sender);
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

  /** On whose behalf a request is answered. @throws StatusError Unauthorized, BadRequest, Forbidden */
  async #userOf({ credentials, impersonate: wanted }: Pick<ApiRequest, "credentials" | "impersonate">): Promise<UserInfo> {
    const sender = await authenticate(credentials, this.#authentication);
    return wanted === undefined ? sender : impersonate(sender, wanted, this.#authorizer);
  }

  async #authorize(request: ApiRequest, user: UserInfo, verb: string): Promise<void> {
    const attributes: Attributes = {
      user,
      verb,
      group: request.group,
      resource: request.resource,
      subresource: request.subresource,
      namespace: request.namespace,
      name: request.name,
      fieldSelector: request.query.get("fieldSelector") ?? undefined,
    };
    const { decision, reason } = await this.#authorizer.authorize(attributes);
    if (decision !== "allow") throw forbiddenError(attributes, reason);
  }

  /** @throws StatusError MethodNotAllowed */
  #reviewOf(request: ApiRequest): Review | undefined {
    const review = this.#reviewFor(request);
    if (review !== undefined) checkServed(request, review.definition);
    return review;
  }

  #reviewFor({ group, version, resource }: Pick<ApiRequest, "group" | "version" | "resource">): Review | undefined {
    return this.#reviews.find(
      ({ definition: { type } }) => type.group === group && type.version === version && type.resource === resource,
    );
  }

  /** @throws StatusError NotFound, MethodNotAllowed */
  #storeOf(request: ApiRequest): ResourceStore {
    const store = this.registry.find(request.group, request.version, request.resource);
    if (store === undefined) throw noSuchResource();
    checkPlace(request, store.definition.type.namespaced);
    checkServed(request, store.definition);
    return store;
  }
}

/** @throws StatusError NotFound, MethodNotAllowed */
function checkServed({ resource, subresource, verb }: ApiRequest, definition: ServedDefinition): void {
  const found = verbsOf(definition).get(pathOf({ resource, subresource }));
  if (found === undefined) throw noSuchResource();
  if (!found.includes(verb)) {
    throw new StatusError("MethodNotAllowed", `the server does not allow this method on the requested resource`, {});
  }
}

function pathOf({ resource, subresource }: Pick<ApiRequest, "resource"> & { readonly subresource?: string | undefined }): string {
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}

const knownVerbs = new WeakMap<ServedDefinition, ReadonlyMap<string, readonly string[]>>();

/** By what is named in requests: `pods`, `pods/status`. Definitions do not change once they are served. */
function verbsOf(definition: ServedDefinition): ReadonlyMap<string, readonly string[]> {
  const known = knownVerbs.get(definition);
  if (known !== undefined) return known;
  const verbs = new Map(resourcesOf(definition).map(({ name, verbs: of }) => [name, of]));
  knownVerbs.set(definition, verbs);
  return verbs;
}

/** Without a namespace what lives in one can only be looked at as a whole. @throws StatusError NotFound, MethodNotAllowed */
function checkPlace({ namespace, name, verb }: ApiRequest, namespaced: boolean): void {
  if (namespaced === (namespace !== undefined)) return;
  if (!namespaced || name !== undefined) throw noSuchResource();
  if (verb !== "list" && verb !== "watch") {
    throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
  }
}

export function noSuchResource(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource", {});
}
