import type { KubeList, KubeObject, Stored } from "#api/object";
import { hasReason, StatusError } from "#api/status";
import type { ServedResource } from "#client/discovery-client";
import { resourcePath } from "#client/resource-path";
import type { HttpRequest } from "#client/http-connection";
import type { RestClient } from "#client/rest-client";

/** An object as a server stores it, whatever its kind. */
export type ServerObject = Stored<KubeObject> & { readonly [field: string]: unknown };

export interface ObjectAddress {
  readonly resource: ServedResource;
  /** Ignored for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
}

export interface Selection {
  readonly resource: ServedResource;
  /** Absent: all of them. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

type Query = Readonly<Record<string, string | undefined>>;

export function pathOf(address: ObjectAddress, query: Query = {}, subresource?: string): string {
  const { resource: type, namespace, name } = address;
  return resourcePath({ type, namespace, name, query: given(query), ...(subresource !== undefined && { subresource }) });
}

export function collectionPath(
  { resource: type, namespace = "", labelSelector, fieldSelector }: Selection,
  query: Query = {},
): string {
  return resourcePath({ type, namespace, query: given({ ...query, labelSelector, fieldSelector }) });
}

export function getObject(
  client: RestClient,
  address: ObjectAddress,
  options: { accept?: string; subresource?: string; signal?: AbortSignal; query?: Query } = {},
): Promise<ServerObject> {
  const { subresource, query, ...rest } = options;
  return client.send<ServerObject>({ method: "GET", path: pathOf(address, query, subresource), ...rest });
}

export function patchObject(
  client: RestClient,
  address: ObjectAddress,
  patch: { readonly type: "json-patch" | "merge-patch" | "strategic-merge-patch"; readonly body: object },
  query: Query = {},
  subresource?: string,
): Promise<ServerObject> {
  return client.send<ServerObject>({
    method: "PATCH",
    path: pathOf(address, query, subresource),
    contentType: `application/${patch.type}+json`,
    body: patch.body,
  });
}

export function createObject(
  client: RestClient,
  { resource, namespace }: Omit<ObjectAddress, "name">,
  object: object,
  query: Query = {},
): Promise<ServerObject> {
  return client.send<ServerObject>({ method: "POST", path: collectionPath({ resource, namespace }, query), body: object });
}

/** Page by page; an expired page begins the rest anew from where the server says. */
export async function* listPages<T = KubeList<ServerObject>>(
  client: RestClient,
  selection: Selection,
  options: Pick<HttpRequest, "accept" | "signal"> & { chunkSize?: number; query?: Query } = {},
): AsyncGenerator<T> {
  const { chunkSize = 500, query = {}, ...rest } = options;
  let next: string | undefined;
  do {
    const limit = chunkSize > 0 ? String(chunkSize) : undefined;
    const path = collectionPath(selection, { ...query, limit, continue: next });
    const page = await sendList<T>(client, { method: "GET", path, ...rest }, selection);
    yield page;
    next = (page as { metadata?: { continue?: string } }).metadata?.continue;
  } while (next !== undefined && next !== "");
}

async function sendList<T>(client: RestClient, request: HttpRequest, selection: Selection): Promise<T> {
  try {
    return await client.send<T>(request);
  } catch (error) {
    throw explained(error, selection);
  }
}

/** All of them, each with its kind and version, which a server leaves out of lists. */
export async function listObjects(
  client: RestClient,
  selection: Selection,
  options: { signal?: AbortSignal; chunkSize?: number; query?: Query } = {},
): Promise<{ items: ServerObject[]; resourceVersion: string }> {
  const items: ServerObject[] = [];
  let resourceVersion = "";
  for await (const page of listPages(client, selection, options)) {
    const kind = page.kind?.replace(/List$/, "") ?? selection.resource.kind;
    for (const item of page.items) items.push({ apiVersion: page.apiVersion ?? "v1", kind, ...item });
    resourceVersion = page.metadata.resourceVersion ?? "";
  }
  return { items, resourceVersion };
}

/** `apps/v1, Resource=deployments`: how Go prints a group, version and resource. */
export function goResourceText({ group, version, resource }: ServedResource): string {
  return `${group}/${version}, Resource=${resource}`;
}

function explained(error: unknown, { resource, labelSelector = "", fieldSelector = "" }: Selection): unknown {
  if (!hasReason(error, "BadRequest", "NotFound")) return error;
  const subject = JSON.stringify(goResourceText(resource));
  const about =
    labelSelector === "" && fieldSelector === ""
      ? `Unable to list ${subject}`
      : `Unable to find ${subject} that match label selector ${JSON.stringify(labelSelector)}, field selector ${JSON.stringify(fieldSelector)}`;
  return new StatusError(error.reason, `${about}: ${error.message}`, error.details, { code: error.code });
}

function given(query: Query): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, value] as const])),
  );
}
