import type { KubeList, KubeObject } from "#api/object";
import { age } from "#api/table-cells";
import { hasReason } from "#api/status";
import type { ServedResource } from "#client/discovery-client";
import {
  allNamespacesFlag,
  chunkSizeFlag,
  fieldSelectorFlag,
  fileFlags,
  selectorFlag,
  showManagedFieldsFlag,
} from "../arguments/common-flags.ts";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { CliError, throwAll, UsageError } from "../failures.ts";
import { getObject, listPages, type Selection } from "../objects/requests.ts";
import { findTargets, hasFiles, type FoundTarget } from "../objects/find-targets.ts";
import { itemsOf, objectPrinter, type ObjectPrinter } from "../output/object-printer.ts";
import { parseRelaxedPath } from "../output/json-path.ts";
import { printedKind } from "../output/printed-name.ts";
import { acceptTable, isTable, plainTable, writeTable, type Table, type TableOptions, type TableRow } from "../output/table.ts";
import { TabWriter } from "../output/tab-writer.ts";
import { watchTarget } from "../objects/watch-target.ts";

export const getCommand: ObjectCommand = {
  name: "get",
  summary: "show objects: one, several, or all of a kind",
  usage: "[(-o|--output=)FORMAT] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
  examples: [
    ["All pods of the namespace, with nodes and IPs", "get pods -o wide"],
    ["One object as YAML", "get deployment web -o yaml"],
    ["Several kinds, everywhere", "get deployments,services -A"],
    ["Pods with a label, and every change to them", "get pods -l app=web -w"],
    ["One field", "get pod web -o jsonpath={.status.podIP}"],
  ],
  flags: [
    allNamespacesFlag,
    chunkSizeFlag,
    fieldSelectorFlag,
    ...fileFlags,
    { name: "ignore-not-found", type: "bool", help: "An object that does not exist is no failure." },
    { name: "label-columns", short: "L", type: "strings", help: "Labels to show as columns." },
    { name: "no-headers", type: "bool", help: "No line with the names of the columns." },
    {
      name: "output",
      short: "o",
      type: "string",
      help: "wide, json, yaml, name, jsonpath=TEMPLATE, jsonpath-as-json=TEMPLATE or custom-columns=SPEC.",
    },
    { name: "output-watch-events", type: "bool", help: "With -w: say for each line what happened." },
    { name: "raw", type: "string", help: "Print what the server answers at this path." },
    selectorFlag,
    { name: "show-kind", type: "bool", help: "Show the kind before each name." },
    { name: "show-labels", type: "bool", help: "Show all labels as the last column." },
    showManagedFieldsFlag,
    { name: "sort-by", type: "string", help: "A JSONPath by which to order lists, e.g. .metadata.creationTimestamp." },
    { name: "subresource", type: "string", help: "Get this part of the object, e.g. status or scale." },
    { name: "watch", short: "w", type: "bool", help: "Go on and show changes." },
    { name: "watch-only", type: "bool", help: "Show changes and not what there is." },
  ],
  run: get,
};

async function get(context: CommandContext): Promise<undefined> {
  const { flags, session, streams } = context;
  const raw = flags.string("raw");
  if (raw !== "") {
    for await (const chunk of session.client.stream({ path: raw, signal: context.signal })) streams.out(chunk);
    return;
  }
  if (context.arguments.length === 0 && !hasFiles(flags)) {
    streams.err(
      'You must specify the type of resource to get. Use "skiff api-resources" for a complete list of supported resources.\n\n',
    );
    throw new UsageError(
      'Required resource not specified.\nUse "skiff explain <resource>" for a detailed description of that resource (e.g. skiff explain pods).',
      "See 'skiff get -h' for help and examples",
    );
  }
  const output = flags.string("output");
  const human = output === "" || output === "wide";
  const printer = human ? undefined : objectPrinter(output, printerOptions(context), ["custom-columns", "wide"]);
  const targets = await findTargets(context);
  if (flags.bool("watch") || flags.bool("watch-only")) await getAndWatch(context, targets, printer);
  else if (printer === undefined) await getTables(context, targets);
  else await getObjects(context, targets, printer);
}

function printerOptions({ flags }: CommandContext): { showManagedFields: boolean; noHeaders: boolean } {
  return { showManagedFields: flags.bool("show-managed-fields"), noHeaders: flags.bool("no-headers") };
}

/** Where lines of several kinds go: each kind has its own columns, and an empty line before them. */
class TablesPrinter {
  readonly #context: CommandContext;
  readonly #writer: TabWriter;
  readonly #withKind: boolean;
  #last: ServedResource | undefined;
  #hasHeader = false;
  #written = false;

  constructor(context: CommandContext, withKind: boolean) {
    this.#context = context;
    this.#withKind = withKind;
    let isFirst = true;
    this.#writer = new TabWriter((text) => {
      const gap = !isFirst && this.#gap;
      this.#gap = false;
      isFirst = false;
      this.#written = true;
      context.streams.out(gap ? `\n${text}` : text);
    });
  }

  #gap = false;

  get written(): boolean {
    return this.#written;
  }

  print(resource: ServedResource, table: Table, event?: string): void {
    const { flags } = this.#context;
    if (this.#last !== resource) {
      this.#writer.flush();
      this.#writer.forgetWidths();
      this.#gap = this.#last !== undefined && !flags.bool("no-headers") && this.#written;
      this.#hasHeader = false;
      this.#last = resource;
    }
    const options: TableOptions = {
      wide: flags.string("output") === "wide",
      noHeaders: flags.bool("no-headers"),
      withNamespace: flags.bool("all-namespaces") && resource.namespaced,
      ...(this.#withKind && {
        kindPrefix: printedKind({ apiVersion: resource.group === "" ? "" : `${resource.group}/`, kind: resource.kind }),
      }),
      showLabels: flags.bool("show-labels"),
      labelColumns: flags.strings("label-columns"),
      ...(event !== undefined && { event }),
    };
    this.#hasHeader = writeTable(this.#writer, table, options, this.#hasHeader);
  }

  flush(): void {
    this.#writer.flush();
  }
}

async function getTables(context: CommandContext, targets: readonly FoundTarget[]): Promise<void> {
  const { flags, session, streams } = context;
  const printer = new TablesPrinter(context, showsKind(context, targets));
  const errors: unknown[] = [];
  const sortBy = flags.string("sort-by");
  for (const target of targets) {
    try {
      const tables: Table[] = [];
      for await (const table of tablesOf(context, target)) tables.push(table);
      for (const table of sortBy === "" ? tables : sorted(tables, sortBy)) printer.print(target.resource, table);
    } catch (error) {
      if (!(hasReason(error, "NotFound") && flags.bool("ignore-not-found"))) errors.push(error);
    }
  }
  printer.flush();
  if (!printer.written && errors.length === 0 && !flags.bool("ignore-not-found")) {
    const namespaced = !flags.bool("all-namespaces") && targets.every(({ resource }) => resource.namespaced);
    streams.err(namespaced ? `No resources found in ${session.namespace} namespace.\n` : "No resources found\n");
  }
  throwAll(errors);
}

function showsKind({ flags }: CommandContext, targets: readonly FoundTarget[]): boolean {
  return flags.bool("show-kind") || new Set(targets.map(({ resource }) => resource)).size > 1;
}

async function* tablesOf(context: CommandContext, target: FoundTarget): AsyncGenerator<Table> {
  const { flags, session, clock, signal } = context;
  const query = { includeObject: flags.string("sort-by") === "" ? undefined : "Object" };
  const toTable = (answer: unknown): Table =>
    isTable(answer) ? answer : plainTable(itemsOf(answer), (object) => age(object.metadata.creationTimestamp, clock.now()));
  if (target.name !== undefined) {
    const address = { ...target, name: target.name };
    const subresource = flags.string("subresource");
    const part = subresource === "" ? {} : { subresource };
    yield toTable(await getObject(session.client, address, { accept: acceptTable, query, signal, ...part }));
    return;
  }
  const pages = listPages<Table | KubeList<KubeObject>>(session.client, selectionOf(context, target), {
    accept: acceptTable,
    chunkSize: flags.int("chunk-size"),
    query,
    signal,
  });
  for await (const page of pages) yield toTable(page);
}

export function selectionOf({ flags }: CommandContext, { resource, namespace }: FoundTarget): Selection {
  return {
    resource,
    ...(!flags.bool("all-namespaces") && { namespace }),
    labelSelector: flags.string("selector"),
    fieldSelector: flags.string("field-selector"),
  };
}

/** One table with all rows in order. */
function sorted(tables: readonly Table[], by: string): Table[] {
  const [first] = tables;
  if (first === undefined) return [];
  const path = parseRelaxedPath(by);
  const key = ({ object }: TableRow): unknown => path.values(object)[0];
  const rows = tables.flatMap((table) => table.rows ?? []);
  if (rows.length > 0 && rows.every((row) => key(row) === undefined)) {
    throw new CliError(
      `couldn't find any field with path ${JSON.stringify(`{${by.startsWith(".") ? by : `.${by}`}}`)} in the list of objects`,
    );
  }
  return [{ ...first, rows: rows.toSorted((left, right) => compareKeys(key(left), key(right))) }];
}

function compareKeys(left: unknown, right: unknown): number {
  if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? -1 : 1;
  if (typeof left === "number" && typeof right === "number") return left - right;
  const [a, b] = [left, right].map((value) => (typeof value === "string" ? value : JSON.stringify(value))) as [string, string];
  return a < b ? -1 : a > b ? 1 : 0;
}

async function getObjects(context: CommandContext, targets: readonly FoundTarget[], printer: ObjectPrinter): Promise<void> {
  const { flags, session, streams, signal } = context;
  const errors: unknown[] = [];
  const found: KubeObject[] = [];
  const subresource = flags.string("subresource");
  const part = subresource === "" ? {} : { subresource };
  for (const target of targets) {
    try {
      if (target.name !== undefined) {
        found.push(await getObject(session.client, { ...target, name: target.name }, { signal, ...part }));
        continue;
      }
      const pages = listPages(session.client, selectionOf(context, target), { chunkSize: flags.int("chunk-size"), signal });
      for await (const page of pages) {
        const kind = page.kind?.replace(/List$/, "") ?? target.resource.kind;
        for (const item of page.items) found.push({ apiVersion: page.apiVersion ?? "v1", kind, ...item });
      }
    } catch (error) {
      if (!(hasReason(error, "NotFound") && flags.bool("ignore-not-found"))) errors.push(error);
    }
  }
  const single = targets.length === 1 && targets[0]?.name !== undefined;
  const [only] = found;
  if (single && only !== undefined) streams.out(printer(only));
  else if (!single && (errors.length === 0 || found.length > 0))
    streams.out(printer(listOf(inOrder(found, flags.string("sort-by")))));
  throwAll(errors);
}

function inOrder(objects: readonly KubeObject[], by: string): readonly KubeObject[] {
  if (by === "") return objects;
  const path = parseRelaxedPath(by);
  return objects.toSorted((left, right) => compareKeys(path.values(left)[0], path.values(right)[0]));
}

function listOf(items: readonly KubeObject[]): object {
  return { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items };
}

async function getAndWatch(
  context: CommandContext,
  targets: readonly FoundTarget[],
  printer: ObjectPrinter | undefined,
): Promise<void> {
  const { flags, streams } = context;
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0) {
    throw new CliError("you may only specify a single resource type");
  }
  const tables = new TablesPrinter(context, flags.bool("show-kind"));
  const says = flags.bool("output-watch-events");
  const events = watchTarget(context, target, selectionOf(context, target), {
    accept: printer === undefined ? acceptTable : "application/json",
    showsExisting: !flags.bool("watch-only"),
  });
  for await (const { type, object } of events) {
    if (printer === undefined) {
      const table = isTable(object)
        ? object
        : plainTable(itemsOf(object), (item) => age(item.metadata.creationTimestamp, context.clock.now()));
      tables.print(target.resource, withColumns(table, tables), says ? type : undefined);
      tables.flush();
    } else streams.out(printer(says ? { type, object } : object));
  }
}

const columnsOf = new WeakMap<TablesPrinter, Table["columnDefinitions"]>();

/** Only the first table of a watch says what its columns are. */
function withColumns(table: Table, key: TablesPrinter): Table {
  const known = columnsOf.get(key);
  const given = table.columnDefinitions as Table["columnDefinitions"] | null | undefined;
  if (given !== undefined && given !== null && given.length > 0) {
    columnsOf.set(key, given);
    return table;
  }
  return { ...table, columnDefinitions: known ?? [] };
}
