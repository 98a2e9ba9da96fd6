import type { TableCell, TableDefinition } from "#api/definition";
import type { ListMeta } from "#api/generated/types";
import type { KubeObject } from "#api/object";
import { StatusError } from "#api/status";

/** What a row carries besides its cells. */
export type IncludeObject = "None" | "Metadata" | "Object";

export interface Table extends KubeObject {
  readonly columnDefinitions: readonly object[];
  readonly rows: readonly { readonly cells: readonly TableCell[]; readonly object?: KubeObject }[];
}

/** @throws StatusError BadRequest */
export function parseIncludeObject(query: URLSearchParams): IncludeObject {
  const wanted = query.get("includeObject") ?? "Metadata";
  if (wanted === "None" || wanted === "Metadata" || wanted === "Object") return wanted;
  throw new StatusError("BadRequest", `Invalid value: "${wanted}": must be 'Metadata', 'Object', 'None', or empty`);
}

/** Objects of one kind as kubectl prints them (meta.k8s.io/v1 Table). A watch needs the columns in its first table alone. */
export function tableOf(
  definition: TableDefinition,
  objects: readonly KubeObject[],
  include: IncludeObject,
  metadata: ListMeta,
  now: number,
  withColumns = true,
): Table {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: metadata,
    columnDefinitions: withColumns ? columnsOf(definition) : [],
    rows: objects.map((object) => ({
      cells: [...(hasOwnName(definition) ? [] : [object.metadata.name ?? ""]), ...definition.tableRow(object, now)],
      ...(include !== "None" && { object: include === "Object" ? object : metadataOf(object) }),
    })),
  };
}

export function metadataOf(object: KubeObject): KubeObject {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}

function columnsOf(definition: TableDefinition): object[] {
  const first = {
    name: "Name",
    type: "string",
    format: "name",
    description: "Name of the object, unique among its kind in its namespace.",
    priority: 0,
  };
  const columns = definition.tableColumns.map((column) => ({ format: "", ...column }));
  return hasOwnName(definition) ? columns : [first, ...columns];
}

/** A kind that places its name itself, as events do. */
function hasOwnName(definition: TableDefinition): boolean {
  return definition.tableColumns.some((column) => column.name === "Name");
}
