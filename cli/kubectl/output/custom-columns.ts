import { CliError } from "../failures.ts";
import { goJson } from "./go-json.ts";
import { parseRelaxedPath, type JsonPath } from "./json-path.ts";
import { itemsOf, type ObjectPrinter } from "./object-printer.ts";
import { TabWriter } from "./tab-writer.ts";

/** `NAME:.metadata.name,IMAGE:.spec.containers[*].image`. @throws CliError */
export function customColumns(spec: string, noHeaders: boolean): ObjectPrinter {
  const columns = spec.split(/,(?=[^,:]+:)/).map((part) => columnOf(part, spec));
  let hasHeader = noHeaders;
  return (object) => {
    let text = "";
    const writer = new TabWriter((lines) => (text += lines));
    if (!hasHeader) writer.line(columns.map(({ header }) => header));
    hasHeader = true;
    for (const item of itemsOf(object)) writer.line(columns.map(({ path }) => cell(path.values(item))));
    writer.flush();
    return text;
  };
}

function columnOf(part: string, spec: string): { header: string; path: JsonPath } {
  const colon = part.indexOf(":");
  if (colon === -1) {
    throw new CliError(`unexpected custom-columns spec: ${spec}, expected <header>:<json-path-expr>`);
  }
  return { header: part.slice(0, colon), path: parseRelaxedPath(part.slice(colon + 1)) };
}

function cell(values: readonly unknown[]): string {
  if (values.length === 0) return "<none>";
  return values
    .map((value) =>
      value === null || value === undefined
        ? "<none>"
        : typeof value === "object"
          ? goJson(value)
          : String(value as string | number | boolean),
    )
    .join(",");
}
