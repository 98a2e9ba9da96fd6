import type { TableDefinition } from "#api/definition";
import type { KubeObject, ObjectKey } from "#api/object";
import type { ApiRequest, ApiResponse, Verb } from "#api/request";
import type { UserInfo } from "../authn/user.ts";
import type { CachedObject } from "../watch/cached-object.ts";
import type { DocumentType } from "./read-body.ts";
import type { HandlerDependencies } from "./resource-handler.ts";
import type { ResourceStore } from "./resource-store.ts";
import type { WriteContext } from "./write-context.ts";

/**
 * A part of an object that has verbs of its own, e.g. `pods/binding`. A status needs no entry: it is the object itself, of which
 * another part may be changed.
 */
export interface Subresource {
  readonly name: string;
  /** What it is a document of, where that is not the kind itself. */
  readonly document?: DocumentType;
  /** How the document is printed, where it can be. */
  readonly table?: TableDefinition;
  /** The verbs it has, each with what answers it. */
  readonly verbs: Readonly<Partial<Record<Verb, SubresourceHandler>>>;
}

/** Answers one authorized request. @throws StatusError */
export type SubresourceHandler = (call: SubresourceCall) => Promise<ApiResponse>;

/** What a handler is given of the request that it answers. */
export interface SubresourceCall {
  readonly store: ResourceStore;
  readonly request: ApiRequest;
  readonly user: UserInfo;
  readonly key: ObjectKey;
  readonly context: WriteContext;
  readonly dependencies: HandlerDependencies;
  /** The object that it is a part of, as it is now. @throws StatusError NotFound */
  readonly found: () => Promise<CachedObject>;
  /** The body, with unknown and duplicate fields refused or warned of as the client asked. @throws StatusError BadRequest */
  readonly body: (expected: DocumentType) => KubeObject;
  readonly answer: (object: KubeObject, status: number) => ApiResponse;
}
