import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What upstream's documentation says of each type and field, for `kubectl explain`: the doc comments of another package's models,
 * by the OpenAPI names of our schema. Read when the program is built, so that no copy of them lies in the repository.
 * @returns {Record<string, Record<string, string>>} by definition and field; the type's own text has an empty name
 */
export function readDescriptions(root) {
  const models = join(root, "node_modules/@kubernetes/client-node/dist/gen/models");
  if (!existsSync(models)) return {};
  const schema = JSON.parse(readFileSync(join(root, "api/schema/kubernetes-1.36-schema.json"), "utf8"));
  const found = {};
  for (const [name, { properties = {} }] of Object.entries(schema.definitions)) {
    const file = modelNames(name)
      .map((model) => join(models, `${model}.d.ts`))
      .find((path) => existsSync(path));
    if (file !== undefined) found[name] = descriptionsIn(readFileSync(file, "utf8"), Object.keys(properties));
  }
  return found;
}

/** `io.k8s.api.core.v1.Event` is CoreV1Event, where several groups have an Event, and V1Event otherwise. */
function modelNames(definition) {
  const [kind = "", version = "", group = ""] = definition.split(".").reverse();
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  return [`${capital(group)}${capital(version)}${kind}`, `${capital(version)}${kind}`];
}

function descriptionsIn(text, fields) {
  const own = /\/\*\*\s*\n((?:\s*\*(?!\/).*\n)+)\s*\*\/\s*export declare class/.exec(text);
  const descriptions = own === null ? {} : { "": plain(own[1]) };
  for (const [, comment, field] of text.matchAll(/\/\*\*\s*\n((?:\s*\*(?!\/).*\n)+)\s*\*\/\s*'([^']+)'\??:/g)) {
    // Words that TypeScript keeps for itself have a line before them.
    const name = fields.includes(field) ? field : field.replace(/^_/, "");
    if (fields.includes(name)) descriptions[name] = plain(comment);
  }
  return descriptions;
}

function plain(comment) {
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .join(" ")
    .replace(/\\(.)/g, "$1")
    .trim();
}
