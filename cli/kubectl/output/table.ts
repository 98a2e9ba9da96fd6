import type { KubeObject } from "#api/object";
import type { TabWriter } from "./tab-writer.ts";

/** meta.k8s.io/v1 Table, as an API server draws it. */
export interface Table {
  readonly kind: "Table";
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly columnDefinitions: readonly TableColumn[];
  readonly rows: readonly TableRow[] | null;
}

export interface TableColumn {
  readonly name: string;
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: KubeObject | null;
}

export const acceptTable =
  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

export interface TableOptions {
  readonly wide: boolean;
  readonly noHeaders: boolean;
  readonly withNamespace: boolean;
  /** Put before each name, e.g. `deployment.apps`. */
  readonly kindPrefix?: string;
  readonly showLabels: boolean;
  readonly labelColumns: readonly string[];
  /** Of the watch event that a row comes from, with --output-watch-events. */
  readonly event?: string;
}

export function isTable(value: unknown): value is Table {
  return (value as { kind?: unknown }).kind === "Table";
}

export function tableHeader({ columnDefinitions }: Table, options: TableOptions): string[] {
  return [
    ...(options.event === undefined ? [] : ["EVENT"]),
    ...(options.withNamespace ? ["NAMESPACE"] : []),
    ...columnDefinitions.filter((column) => isShown(column, options)).map(({ name }) => name.toUpperCase()),
    ...options.labelColumns.map((label) => label.slice(label.lastIndexOf("/") + 1).toUpperCase()),
    ...(options.showLabels ? ["LABELS"] : []),
  ];
}

export function tableLine({ columnDefinitions }: Table, { cells, object }: TableRow, options: TableOptions): string[] {
  const { labels = {}, namespace = "" } = object?.metadata ?? {};
  const nameColumn = columnDefinitions.findIndex(({ name }) => name === "Name");
  const prefixed = cells.map((cell, index) =>
    index === nameColumn && options.kindPrefix !== undefined ? `${options.kindPrefix}/${cellText(cell)}` : cellText(cell),
  );
  const labelText = Object.entries(labels)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  return [
    ...(options.event === undefined ? [] : [options.event]),
    ...(options.withNamespace ? [namespace] : []),
    ...prefixed.filter((_, index) => isShown(columnDefinitions[index], options)),
    ...options.labelColumns.map((label) => labels[label] ?? ""),
    ...(options.showLabels ? [labelText === "" ? "<none>" : labelText] : []),
  ];
}

/** Prints the rows, and before the first of them ever the header. @returns whether a header has been printed by now */
export function writeTable(writer: TabWriter, table: Table, options: TableOptions, hasHeader: boolean): boolean {
  const rows = table.rows ?? [];
  if (rows.length === 0) return hasHeader;
  if (!hasHeader && !options.noHeaders) writer.line(tableHeader(table, options));
  for (const row of rows) writer.line(tableLine(table, row, options));
  return true;
}

/** What a server that draws no tables leaves us to draw. */
export function plainTable(objects: readonly KubeObject[], age: (object: KubeObject) => string): Table {
  return {
    kind: "Table",
    columnDefinitions: [
      { name: "Name", priority: 0 },
      { name: "Age", priority: 0 },
    ],
    rows: objects.map((object) => ({ cells: [object.metadata.name ?? "", age(object)], object })),
  };
}

function isShown(column: TableColumn | undefined, { wide }: TableOptions): boolean {
  return column !== undefined && (wide || column.priority === 0);
}

/** One line, without what a terminal would obey. */
function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return "";
  const text = typeof cell === "string" ? cell : JSON.stringify(cell);
  const end = text.search(/[\f\n\r]/);
  return (end === -1 ? text : `${text.slice(0, end)}...`).replaceAll("\x1b", "^[");
}
