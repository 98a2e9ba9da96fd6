import type { ServedResource } from "#client/discovery-client";
import type { CommandContext, ObjectCommand } from "../command.ts";
import { openApiTypesOf, type OpenApiSchema, type OpenApiTypes } from "../explain/open-api-schema.ts";
import { CliError, PlainError } from "../failures.ts";

export const explainCommand: ObjectCommand = {
  name: "explain",
  summary: "say what the fields of a kind mean",
  usage: "TYPE[.FIELD.FIELD...] [--recursive] [--api-version=GROUP/VERSION]",
  examples: [
    ["A kind", "explain pods"],
    ["One of its fields", "explain pods.spec.containers"],
    ["All its fields, by name alone", "explain deployment.spec --recursive"],
  ],
  flags: [
    { name: "api-version", type: "string", help: "Of this group and version, e.g. apps/v1." },
    { name: "output", type: "string", fallback: "plaintext", help: "plaintext." },
    { name: "recursive", type: "bool", help: "Show the fields of the fields too." },
  ],
  run: explain,
};

async function explain(context: CommandContext): Promise<undefined> {
  const { flags, session, streams, signal, arguments: words } = context;
  const [word = ""] = words;
  if (words.length === 0) {
    throw new CliError(
      'You must specify the type of resource to explain. Use "skiff api-resources" for a complete list of supported resources.',
    );
  }
  if (words.length > 1) throw new CliError("We accept only this format: explain RESOURCE");
  if (flags.string("output") !== "plaintext") throw new CliError(`unrecognized format: ${flags.string("output")}`);
  const { resource, path } = await chosen(context, word);
  const types = await openApiTypesOf(session.client, resource, signal);
  const kind = types.ofKind(resource);
  if (kind === undefined) {
    throw new CliError(`the server has no schema for ${resource.kind} in version ${JSON.stringify(resource.version)}`);
  }
  streams.out(headText(resource));
  streams.out(bodyText(types, fieldAt(types, kind, path), path.at(-1), flags.bool("recursive")));
}

/** The longest beginning of the words between the dots that names a kind; the rest is a path. */
async function chosen(
  { flags, session }: CommandContext,
  word: string,
): Promise<{ resource: ServedResource; path: readonly string[] }> {
  const mapper = await session.mapper();
  const parts = word.split(".");
  for (let length = parts.length; length > 0; length--) {
    const resource = mapper.search(parts.slice(0, length).join("."));
    if (resource === undefined || (length > 1 && !isGroupOf(resource, parts.slice(1, length)))) continue;
    return { resource: inVersion(mapper.all, resource, flags.string("api-version")), path: parts.slice(length) };
  }
  throw new PlainError(`the server doesn't have a resource type ${JSON.stringify(parts[0])}`);
}

/** `pods.spec` is a field; `deployments.apps` is a kind with its group. */
function isGroupOf({ group, version }: ServedResource, rest: readonly string[]): boolean {
  const text = rest.join(".");
  return text === group || text === `${version}.${group}`;
}

function inVersion(all: readonly ServedResource[], resource: ServedResource, apiVersion: string): ServedResource {
  if (apiVersion === "") return resource;
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/", 2) : ["", apiVersion];
  const found = all.find((other) => other.resource === resource.resource && other.group === group && other.version === version);
  if (found !== undefined) return found;
  throw new CliError(`couldn't find resource for "${group === "" ? "/" : ""}${apiVersion}, Resource=${resource.resource}"`);
}

function headText({ group, kind, version }: ServedResource): string {
  return `${group === "" ? "" : `GROUP:      ${group}\n`}KIND:       ${kind}\nVERSION:    ${version}\n\n`;
}

/** @throws CliError when there is no such field */
function fieldAt(types: OpenApiTypes, kind: OpenApiSchema, path: readonly string[]): OpenApiSchema {
  return path.reduce((schema, name) => {
    const { properties = {} } = types.element(schema);
    const field = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (field === undefined) throw new CliError(`field ${JSON.stringify(name)} does not exist`);
    return field;
  }, kind);
}

function bodyText(types: OpenApiTypes, schema: OpenApiSchema, name: string | undefined, recursive: boolean): string {
  const values = types.resolve(schema).enum ?? [];
  const head =
    name === undefined
      ? ""
      : `FIELD: ${name} <${types.typeText(schema)}>\n${values.length === 0 ? "\n" : `ENUM:\n${values.map((value) => `    ${String(value)}\n`).join("")}`}\n`;
  const texts = types.texts(schema);
  const description = texts.length === 0 ? ["    <empty>"] : texts.flatMap((text) => wrapped(text, 4));
  const fields = types.element(schema);
  const list =
    fields.properties === undefined ? "" : `FIELDS:\n${recursive ? namesText(types, fields, 1, []) : fieldsText(types, fields)}`;
  return `${head}DESCRIPTION:\n${description.join("\n")}\n    \n${list}\n`;
}

function fieldsText(types: OpenApiTypes, owner: OpenApiSchema): string {
  return sortedFields(owner)
    .map(([name, field]) => {
      const [own] = types.texts(field);
      const text = field.description ?? own;
      return `${lineOf(types, owner, name, field, 1)}${text === undefined ? "    <no description>" : wrapped(text, 4).join("\n")}\n\n`;
    })
    .join("");
}

/** Names below names. A type inside itself is named and not opened again. */
function namesText(types: OpenApiTypes, owner: OpenApiSchema, level: number, outer: readonly OpenApiSchema[]): string {
  return sortedFields(owner)
    .map(([name, field]) => {
      const inner = types.element(field);
      const opens = inner.properties !== undefined && inner !== owner && !outer.includes(inner);
      return lineOf(types, owner, name, field, level) + (opens ? namesText(types, inner, level + 1, [...outer, owner]) : "");
    })
    .join("");
}

function sortedFields({ properties = {} }: OpenApiSchema): [string, OpenApiSchema][] {
  return Object.entries(properties).sort(([left], [right]) => (left < right ? -1 : 1));
}

const shownValues = 4;

function lineOf(types: OpenApiTypes, owner: OpenApiSchema, name: string, field: OpenApiSchema, level: number): string {
  const indent = "  ".repeat(level);
  const required = owner.required?.includes(name) === true ? " -required-" : "";
  const values = types.resolve(field).enum ?? [];
  const shown = values
    .slice(0, shownValues)
    .map((value) => (value === "" ? '""' : String(value)))
    .join(", ");
  const more = values.length > shownValues ? ", ...." : "";
  return `${indent}${name}\t<${types.typeText(field)}>${required}\n${values.length === 0 ? "" : `${indent}enum: ${shown}${more}\n`}`;
}

const width = 80;

function wrapped(text: string, indent: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && indent + line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines.map((line) => (line === "" ? "" : " ".repeat(indent) + line).trimEnd());
}
