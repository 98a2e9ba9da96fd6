import { createHash } from "node:crypto";
import type { ServedDefinition } from "#api/definition";
import { referencedName, schemaDefinitions, type Schema } from "#api/schema";
import { contentStamp, readDescriptions, type Descriptions } from "./open-api-descriptions.ts";
import { groupVersions, resourcesOf, type GroupVersion } from "./resources.ts";

/** OpenAPI v3, one document for each group and version, named with a hash so that clients cache it for good. */
export interface OpenApi {
  /** `/openapi/v3`. */
  readonly index: { readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>> };
  /** `path` as in the index, e.g. `apis/apps/v1`. */
  document(path: string): { readonly bytes: Uint8Array; readonly hash: string } | undefined;
}

interface Definition extends Schema {
  readonly description?: string;
  readonly "x-kubernetes-group-version-kind"?: readonly object[];
}

export function openApiOf(definitions: readonly ServedDefinition[], productVersion: string): OpenApi {
  const made = new Map<string, Uint8Array>();
  const stamp = contentStamp();
  const entries = new Map(groupVersions(definitions).map((entry) => [pathOf(entry), entry]));
  const document = (path: string): { bytes: Uint8Array; hash: string } | undefined => {
    const entry = entries.get(path);
    if (entry === undefined) return undefined;
    const bytes = made.get(path) ?? Buffer.from(JSON.stringify(documentOf(entry, productVersion, readDescriptions())));
    made.set(path, bytes);
    return { bytes, hash: hashOf(entry, productVersion, stamp) };
  };
  return {
    document,
    get index() {
      const paths = [...entries].map(([path, entry]) => [
        path,
        { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(entry, productVersion, stamp)}` },
      ]);
      return { paths: Object.fromEntries(paths) as Record<string, { serverRelativeURL: string }> };
    },
  };
}

/** Of what the document is made of, so that an index of hashes needs no documents. */
function hashOf({ definitions, ...groupVersion }: GroupVersion, productVersion: string, stamp: string): string {
  const resources = definitions.flatMap((definition) => resourcesOf(definition));
  const text = JSON.stringify([groupVersion, resources, productVersion, stamp]);
  return createHash("sha512").update(text).digest("hex").toUpperCase();
}

function pathOf({ group, version }: GroupVersion): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

function documentOf(entry: GroupVersion, version: string, descriptions: Descriptions): object {
  const schemas: Record<string, Definition> = {};
  for (const definition of entry.definitions) {
    collect(definition.versions[0]?.schema ?? "", schemas, descriptions);
    for (const { schema } of resourcesOf(definition)) if (schema !== undefined) collect(schema, schemas, descriptions);
  }
  for (const name of ["DeleteOptions", "Status", "Patch"])
    collect(`io.k8s.apimachinery.pkg.apis.meta.v1.${name}`, schemas, descriptions);
  for (const { type, versions } of entry.definitions) {
    const name = versions[0]?.schema ?? "";
    schemas[name] = {
      ...schemas[name],
      "x-kubernetes-group-version-kind": [{ group: type.group, version: type.version, kind: type.kind }],
    };
  }
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version },
    paths: Object.fromEntries(entry.definitions.flatMap((definition) => pathsOf(definition))),
    components: { schemas },
  };
}

/** What JSON may say in more than one way. Version 2 knew one type each, which is what the schema data has. */
const unions: Readonly<Record<string, object>> = {
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
    format: "int-or-string",
    oneOf: [{ type: "integer" }, { type: "string" }],
  },
  "io.k8s.apimachinery.pkg.api.resource.Quantity": { oneOf: [{ type: "string" }, { type: "number" }] },
};

/** A definition and everything it refers to, in the form OpenAPI v3 wants references. */
function collect(name: string, into: Record<string, Definition>, descriptions: Descriptions): void {
  const schema = schemaDefinitions()[name];
  if (schema === undefined || Object.hasOwn(into, name)) return;
  into[name] = schema;
  const visit = (part: Schema): Schema => {
    const reference = referencedName(part);
    if (reference !== undefined) {
      collect(reference, into, descriptions);
      const { $ref: _, ...rest } = part;
      const target = { $ref: `#/components/schemas/${reference}` };
      // Beside a bare $ref nothing counts in v3, so that what the field adds goes around it.
      return (Object.keys(rest).length === 0 ? target : { ...rest, allOf: [target] }) as Schema;
    }
    return {
      ...part,
      ...(part.items && { items: visit(part.items) }),
      ...(part.additionalProperties && { additionalProperties: visit(part.additionalProperties) }),
      ...(part.properties && {
        properties: Object.fromEntries(Object.entries(part.properties).map(([field, value]) => [field, visit(value)])),
      }),
    };
  };
  const { "": own, ...ofFields } = descriptions[name] ?? {};
  const described = Object.entries(schema.properties ?? {}).map(([field, part]): [string, Definition] => {
    // A field that only names its type says what the type says.
    const description = ofFields[field] ?? descriptions[referencedName(part) ?? ""]?.[""];
    return [field, description === undefined ? part : { description, ...part }];
  });
  const whole: Definition = {
    ...(own !== undefined && { description: own }),
    ...schema,
    ...(schema.properties && { properties: Object.fromEntries(described) }),
  };
  into[name] = unions[name] === undefined ? visit(whole) : { ...(own !== undefined && { description: own }), ...unions[name] };
}

const queryParameter = (name: string, type: "string" | "boolean" | "integer"): object => ({
  name,
  in: "query",
  schema: { type, uniqueItems: true },
});
const readParameters = [queryParameter("pretty", "string")];
const writeParameters = [
  ...["dryRun", "fieldManager", "fieldValidation"].map((name) => queryParameter(name, "string")),
  ...readParameters,
];
const listParameters = [
  queryParameter("allowWatchBookmarks", "boolean"),
  ...["continue", "fieldSelector", "labelSelector", "resourceVersion", "resourceVersionMatch"].map((name) =>
    queryParameter(name, "string"),
  ),
  ...["limit", "timeoutSeconds"].map((name) => queryParameter(name, "integer")),
  queryParameter("sendInitialEvents", "boolean"),
  queryParameter("watch", "boolean"),
];
const patchTypes = ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"];

function pathsOf(definition: ServedDefinition): [string, object][] {
  const { type } = definition;
  const root = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced ? `${root}/namespaces/{namespace}` : root;
  const inNamespace = type.namespaced
    ? [{ name: "namespace", in: "path", required: true, schema: { type: "string", uniqueItems: true } }]
    : [];
  const named = [...inNamespace, { name: "name", in: "path", required: true, schema: { type: "string", uniqueItems: true } }];
  const paths: [string, object][] = [];
  for (const resource of resourcesOf(definition)) {
    const [, part] = resource.name.split("/");
    const kind = { group: resource.group ?? type.group, version: resource.version ?? type.version, kind: resource.kind };
    const item = part === undefined ? `${scope}/${type.resource}/{name}` : `${scope}/${type.resource}/{name}/${part}`;
    const operation = (action: string, parameters: readonly object[], body?: object): object => ({
      tags: [type.group === "" ? `core_${type.version}` : `${type.group.split(".")[0] ?? ""}_${type.version}`],
      operationId: `${action}${type.group}${type.version}${type.namespaced ? "Namespaced" : ""}${resource.kind}${part ?? ""}`,
      parameters,
      ...(body && { requestBody: body }),
      responses: { "200": { description: "OK" }, "401": { description: "Unauthorized" } },
      "x-kubernetes-action": action,
      "x-kubernetes-group-version-kind": kind,
    });
    const bodyOf = (mediaTypes: readonly string[], schema: string): object => ({
      required: true,
      content: Object.fromEntries(
        mediaTypes.map((mediaType) => [mediaType, { schema: { $ref: `#/components/schemas/${schema}` } }]),
      ),
    });
    const own = resource.schema ?? definition.versions[0]?.schema ?? "";
    const has = (verb: string): boolean => resource.verbs.includes(verb);
    const patchBody = bodyOf(patchTypes, "io.k8s.apimachinery.pkg.apis.meta.v1.Patch");
    const isNamed = part !== undefined || resource.verbs.some((verb) => verb !== "create");
    if (isNamed)
      paths.push([
        item,
        {
          ...(has("get") && { get: operation("get", readParameters) }),
          ...(has("update") && { put: operation("put", writeParameters, bodyOf(["application/json"], own)) }),
          ...(has("patch") && { patch: operation("patch", [...writeParameters, queryParameter("force", "boolean")], patchBody) }),
          ...(has("create") &&
            part !== undefined && { post: operation("post", writeParameters, bodyOf(["application/json"], own)) }),
          ...(has("delete") && { delete: operation("delete", readParameters) }),
          parameters: named,
        },
      ]);
    if (part === undefined) {
      paths.push([
        `${scope}/${type.resource}`,
        {
          ...(has("list") && { get: operation("list", [...listParameters, ...readParameters]) }),
          ...(has("create") && { post: operation("post", writeParameters, bodyOf(["application/json"], own)) }),
          ...(has("deletecollection") && { delete: operation("deletecollection", listParameters) }),
          parameters: inNamespace,
        },
      ]);
    }
  }
  return paths;
}
