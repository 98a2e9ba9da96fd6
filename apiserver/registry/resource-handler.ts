import { decode, DecodeError } from "#api/decode";
import type { TableDefinition } from "#api/definition";
import type { DeleteOptions } from "#api/generated/types";
import type { KubeObject, ObjectKey, Stored } from "#api/object";
import { wholeNumber } from "#api/query";
import type { ApiRequest, ApiResponse, Verb } from "#api/request";
import { hasReason, notFound, StatusError } from "#api/status";
import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import type { Admission } from "../admission/admission.ts";
import type { UserInfo } from "../authn/user.ts";
import type { CachedObject } from "../watch/cached-object.ts";
import { negotiate } from "./output/negotiate.ts";
import { objectAnswer, responder, type Responder } from "./output/respond.ts";
import { parseIncludeObject, tableOf } from "./output/table.ts";
import { deleteObject } from "./delete-object.ts";
import { atVersion, listObjects } from "./list-objects.ts";
import { checkVersion } from "./list-options.ts";
import { parsePatch } from "./patch-object.ts";
import { placed } from "./object-meta.ts";
import type { NodeConnection } from "./node-access.ts";
import { documentTypeOf, objectFrom, parseDocument, type DocumentType } from "./read-body.ts";
import { dryRunOf, fieldManagerOf, fieldValidationOf } from "./request-options.ts";
import type { Reader } from "./reader.ts";
import type { ResourceStore, Written } from "./resource-store.ts";
import { parseSelection } from "./selection.ts";
import { statusOfStorageError } from "./storage-failures.ts";
import { storageKey } from "./storage-keys.ts";
import type { SubresourceCall } from "./subresource.ts";
import { subresourcesOf } from "./subresource-table.ts";
import type { TokenIssuer } from "./token-request.ts";
import { watchObjects } from "./watch-objects.ts";
import type { WriteContext } from "./write-context.ts";

export interface HandlerDependencies {
  readonly reader: Reader;
  readonly nodes: NodeConnection;
  readonly tokens: TokenIssuer;
  /** For what is written past the stores. */
  readonly admission: Admission;
  readonly clock: Clock;
  readonly random: Random;
  /** Where what clients are warned of is collected: a refusal carries it, too. */
  readonly warnings: string[];
  /** An apply or update that turns out to create must be allowed that too. @throws StatusError Forbidden */
  authorizeCreate(request: ApiRequest, user: UserInfo): Promise<void>;
}

/** Upstream's bounds for a watch that names no timeout: half an hour to an hour, so that clients do not come back together. */
const shortestWatchMs = 1_800_000;

/** Answers one authorized request for objects of one kind. @throws StatusError */
export async function handleResource(
  store: ResourceStore,
  request: ApiRequest,
  user: UserInfo,
  dependencies: HandlerDependencies,
): Promise<ApiResponse> {
  try {
    const call = new ResourceCall(store, request, user, dependencies);
    const { subresource } = request;
    const part =
      subresource === undefined ? undefined : subresourcesOf(store.definition).find(({ name }) => name === subresource);
    const handler = part?.verbs[request.verb];
    return await (handler === undefined ? answer(request, call) : handler(call.asSubresource(part?.table)));
  } catch (error) {
    throw statusOfStorageError(error, store.definition.type, request.name ?? "");
  }
}

async function answer(request: ApiRequest, call: ResourceCall): Promise<ApiResponse> {
  switch (request.verb) {
    case "get":
      return call.get();
    case "list":
      return call.list();
    case "watch":
      return call.watch();
    case "create":
      return call.create();
    case "update":
      return call.update();
    case "patch":
      return call.patch();
    case "delete":
      return call.delete();
    case "deletecollection":
      return call.deleteCollection();
    case "connect":
      throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
  }
}

const reads: ReadonlySet<Verb> = new Set(["get", "list", "watch"]);

/** One request in the making: what its verbs have in common. */
class ResourceCall {
  readonly #store: ResourceStore;
  readonly #request: ApiRequest;
  readonly #user: UserInfo;
  readonly #dependencies: HandlerDependencies;
  readonly #warnings: string[];
  readonly #key: ObjectKey;
  #writeContext: WriteContext | undefined;

  constructor(store: ResourceStore, request: ApiRequest, user: UserInfo, dependencies: HandlerDependencies) {
    this.#store = store;
    this.#request = request;
    this.#user = user;
    this.#dependencies = dependencies;
    this.#warnings = dependencies.warnings;
    this.#key = { namespace: request.namespace ?? "", name: request.name ?? "" };
    // The options of a write are looked at before its body.
    if (!reads.has(request.verb)) this.#writeContext = this.#newContext();
  }

  get #context(): WriteContext {
    return (this.#writeContext ??= this.#newContext());
  }

  /** @throws StatusError Invalid for options that no write can have */
  #newContext(): WriteContext {
    const request = this.#request;
    return {
      user: this.#user,
      subresource: request.subresource,
      fieldManager: fieldManagerOf(request),
      dryRun: dryRunOf(request),
      warn: (text) => {
        if (!this.#warnings.includes(text)) this.#warnings.push(text);
      },
      get signal() {
        return request.signal;
      },
    };
  }

  /** For what is answered by a handler of its own. */
  asSubresource(table: TableDefinition | undefined): SubresourceCall {
    return {
      store: this.#store,
      request: this.#request,
      user: this.#user,
      key: this.#key,
      context: this.#context,
      dependencies: this.#dependencies,
      found: () => this.#found(),
      body: (expected) => this.#objectFromBody(expected),
      answer: (object, status) => this.#objectAnswer(object, status, table),
    };
  }

  async get(): Promise<ApiResponse> {
    return this.#respond().one(await this.#found(), 200, this.#warnings);
  }

  async list(): Promise<ApiResponse> {
    const respond = this.#respond();
    return respond.list(await listObjects(this.#store, this.#selection(), this.#request.query, this.#request), this.#warnings);
  }

  async watch(): Promise<ApiResponse> {
    const { query, signal } = this.#request;
    const { clock, random } = this.#dependencies;
    const respond = this.#respond();
    const seconds = wholeNumber(query, "timeoutSeconds");
    const timeoutMs = seconds > 0 ? seconds * 1000 : shortestWatchMs * (1 + random.float());
    return respond.watch(await watchObjects(this.#store, { selection: this.#selection(), query, timeoutMs, signal, clock }));
  }

  async create(): Promise<ApiResponse> {
    const respond = this.#respond();
    const object = this.#placed(this.#objectFromBody(documentTypeOf(this.#store.definition)));
    if (object.metadata.resourceVersion !== undefined && object.metadata.resourceVersion !== "") {
      throw new StatusError("BadRequest", "resourceVersion should not be set on objects to be created");
    }
    return this.#written(await this.#store.create(object, this.#context), respond);
  }

  async update(): Promise<ApiResponse> {
    const respond = this.#respond();
    const object = this.#placed(this.#objectFromBody(documentTypeOf(this.#store.definition)));
    if (object.metadata.name !== undefined && object.metadata.name !== "" && object.metadata.name !== this.#key.name) {
      const message = `the name of the object (${object.metadata.name}) does not match the name on the URL (${this.#key.name})`;
      throw new StatusError("BadRequest", message);
    }
    const named: KubeObject = { ...object, metadata: { ...object.metadata, name: this.#key.name } };
    return this.#written(await this.#updateOrCreate(named), respond);
  }

  async patch(): Promise<ApiResponse> {
    const { definition } = this.#store;
    const respond = this.#respond();
    const validation = fieldValidationOf(this.#request);
    const apply = parsePatch(this.#request, documentTypeOf(definition), validation, (text) => this.#context.warn(text));
    const keepsName = (current: Stored<KubeObject>): KubeObject => {
      const next = apply(current);
      if (next.metadata.name === current.metadata.name && next.metadata.namespace === current.metadata.namespace) return next;
      throw new StatusError("BadRequest", "the name and namespace of an object cannot be patched");
    };
    return this.#written(await this.#store.update(this.#key, {}, keepsName, this.#context), respond);
  }

  async delete(): Promise<ApiResponse> {
    const respond = this.#respond();
    const options = this.#deleteOptions();
    const outcome = await deleteObject(this.#store, this.#key, options, this.#contextOf(options), this.#dependencies.clock);
    if (outcome.gone && this.#store.definition.answersDeleted !== true) return deletedAnswer(this.#store, outcome.last);
    if (outcome.gone) return respond.one(outcome.asItWas, 200, this.#warnings);
    const isAccepted = options.propagationPolicy === "Foreground" || options.orphanDependents === false;
    return respond.one(outcome.object, isAccepted ? 202 : 200, this.#warnings);
  }

  async deleteCollection(): Promise<ApiResponse> {
    const respond = this.#respond();
    const options = this.#deleteOptions();
    const selected = await listObjects(this.#store, this.#selection(), new URLSearchParams(), this.#request);
    for (const { object } of selected.items) {
      const key = { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
      try {
        await deleteObject(this.#store, key, options, this.#contextOf(options), this.#dependencies.clock);
      } catch (error) {
        if (!hasReason(error, "NotFound")) throw error;
      }
    }
    return respond.list(selected, this.#warnings);
  }

  async #updateOrCreate(wanted: KubeObject): Promise<Written> {
    const { definition } = this.#store;
    const mayCreate = definition.allowCreateOnUpdate === true && this.#context.subresource === undefined;
    try {
      const isBlindReplacement = (wanted.metadata.resourceVersion ?? "") === "";
      return await this.#store.update(this.#key, {}, () => wanted, { ...this.#context, isBlindReplacement });
    } catch (error) {
      if (!mayCreate || !hasReason(error, "NotFound") || (wanted.metadata.resourceVersion ?? "") !== "") throw error;
      await this.#dependencies.authorizeCreate(this.#request, this.#user);
      return this.#store.create(wanted, this.#context);
    }
  }

  /** Where something that is stored cannot be read, the rest still can. */
  async #found(): Promise<CachedObject> {
    const { cache, definition } = this.#store;
    const version = this.#request.query.get("resourceVersion") ?? "";
    checkVersion(version);
    const found = cache.failure === undefined ? await this.#cached(version) : await this.#store.getLive(this.#key);
    if (found === undefined) throw notFound(definition.type, this.#key.name);
    return found;
  }

  async #cached(version: string): Promise<CachedObject | undefined> {
    const { cache, definition } = this.#store;
    if (version === "") await cache.freshen(this.#request);
    else if (version !== "0") await atVersion(this.#store, version, this.#request);
    return cache.getCached(storageKey(definition.type, this.#key));
  }

  #written({ object, created }: Written, respond: Responder): ApiResponse {
    return respond.one(object, created ? 201 : 200, this.#warnings);
  }

  #objectAnswer(object: KubeObject, status: number, table?: TableDefinition): ApiResponse {
    const form = negotiate(this.#request.accept);
    if (form.as === "table" && table !== undefined) {
      const include = parseIncludeObject(this.#request.query);
      const { resourceVersion } = object.metadata;
      const metadata = resourceVersion === undefined ? {} : { resourceVersion };
      const printed = tableOf(table, [object], include, metadata, this.#dependencies.clock.now());
      return objectAnswer(printed, status, this.#warnings, form);
    }
    return objectAnswer(object, status, this.#warnings, { ...form, as: "object" });
  }

  /** What the client wants to read is settled before anything is written. */
  #respond(): Responder {
    const { definition } = this.#store;
    return responder(definition, negotiate(this.#request.accept), this.#request.query, this.#dependencies.clock);
  }

  #selection(): ReturnType<typeof parseSelection> {
    return parseSelection(this.#store.definition, this.#request.namespace, this.#request.query);
  }

  #objectFromBody(expected: DocumentType): KubeObject {
    const validation = fieldValidationOf(this.#request);
    return objectFrom(parseDocument(this.#request, validation, expected.schema), expected, validation, (text) =>
      this.#context.warn(text),
    );
  }

  /** In the namespace of the URL, which the body must not contradict. */
  #placed(object: KubeObject): KubeObject {
    return this.#store.definition.type.namespaced ? placed(object, this.#key.namespace) : object;
  }

  #contextOf(options: DeleteOptions): WriteContext {
    return {
      ...this.#context,
      warn: (text) => this.#context.warn(text),
      dryRun: this.#context.dryRun || (options.dryRun ?? []).includes("All"),
    };
  }

  /** From the body or, as upstream allows too, the query. */
  #deleteOptions(): DeleteOptions {
    const { query, body } = this.#request;
    const isEmpty = body === undefined || (body instanceof Uint8Array && body.length === 0);
    if (!isEmpty)
      return validDeleteOptions(parseDeleteOptions(parseDocument(this.#request, "Ignore", deleteOptionsSchema).value));
    const grace = query.get("gracePeriodSeconds");
    const policy = query.get("propagationPolicy");
    const orphan = query.get("orphanDependents");
    return validDeleteOptions({
      ...(grace !== null && { gracePeriodSeconds: Number(grace) }),
      ...(policy !== null && { propagationPolicy: policy }),
      ...(orphan !== null && { orphanDependents: orphan === "true" }),
    });
  }
}

const deleteOptionsSchema = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

function deletedAnswer(store: ResourceStore, last: Stored<KubeObject>): ApiResponse {
  const { group, resource } = store.definition.type;
  const details = { name: last.metadata.name, ...(group !== "" && { group }), kind: resource, uid: last.metadata.uid };
  return objectAnswer({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details } as KubeObject, 200, []);
}

function parseDeleteOptions(value: unknown): DeleteOptions {
  try {
    return decode(deleteOptionsSchema, value).value;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new StatusError("BadRequest", error.message, {}, { cause: error });
  }
}

function validDeleteOptions(options: DeleteOptions): DeleteOptions {
  const { propagationPolicy: policy, orphanDependents, gracePeriodSeconds } = options;
  const fail = (detail: string): never => {
    throw new StatusError("Invalid", `DeleteOptions.meta.k8s.io "" is invalid: ${detail}`);
  };
  if (policy !== undefined && !["Foreground", "Background", "Orphan"].includes(policy)) {
    fail(`propagationPolicy: Unsupported value: "${policy}": supported values: "Background", "Foreground", "Orphan"`);
  }
  if (policy !== undefined && orphanDependents !== undefined) {
    fail("propagationPolicy: Invalid value: orphanDependents and deletionPropagation cannot be both set");
  }
  if (gracePeriodSeconds !== undefined && !Number.isInteger(gracePeriodSeconds))
    fail("gracePeriodSeconds: Invalid value: must be an integer");
  return options;
}
