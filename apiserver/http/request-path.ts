import { isTrue } from "#api/query";
import type { ApiRequest, Verb } from "#api/request";
import { StatusError } from "#api/status";

export type ResourcePath = Pick<ApiRequest, "group" | "version" | "resource"> & {
  namespace?: string;
  name?: string;
  subresource?: string;
};

/** What a path below /api/VERSION or /apis/GROUP/VERSION names; undefined for the paths of discovery. @throws StatusError BadRequest */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const segments = path
    .split("/")
    .filter((segment) => segment !== "")
    .map(decodeSegment);
  const isCore = segments[0] === "api";
  const [group, version] = isCore ? ["", segments[1]] : [segments[1], segments[2]];
  const rest = segments.slice(isCore ? 2 : 3);
  if (group === undefined || version === undefined || rest[0] === undefined) return undefined;
  const [first, second, third, ...others] = rest;
  // `namespaces/NAME/status` is the namespace's own; `namespaces/NAME/pods` is something in it.
  const isOwnPart = third === undefined || ((third === "status" || third === "finalize") && others.length === 0);
  if (first === "namespaces" && !(isOwnPart && isCore) && second !== undefined && third !== undefined) {
    return { group, version, namespace: second, ...objectPath(third, others) };
  }
  return { group, version, ...objectPath(first, rest.slice(1)) };
}

function objectPath(
  resource: string,
  rest: readonly string[],
): Pick<ResourcePath, "name" | "subresource"> & { resource: string } {
  const [name, ...parts] = rest;
  return { resource, ...(name !== undefined && { name }), ...(parts.length > 0 && { subresource: parts.join("/") }) };
}

function decodeSegment(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new StatusError("BadRequest", `invalid URL escape in ${JSON.stringify(segment)}`, {}, { cause: error });
  }
}

/** @throws StatusError MethodNotAllowed */
export function verbOf(method: string, path: ResourcePath, query: URLSearchParams): Verb {
  const isNamed = path.name !== undefined;
  switch (method) {
    case "GET":
      if (isNamed) return "get";
      return isTrue(query.get("watch")) ? "watch" : "list";
    case "POST":
      if (isNamed && path.subresource === undefined) break;
      return "create";
    case "PUT":
      if (!isNamed) break;
      return "update";
    case "PATCH":
      if (!isNamed) break;
      return "patch";
    case "DELETE":
      return isNamed ? "delete" : "deletecollection";
  }
  throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
}
