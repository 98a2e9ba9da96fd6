import { StatusError } from "#api/status";

/** The form in which a client wants objects. */
export interface OutputForm {
  readonly as: "object" | "table" | "metadata";
  readonly mediaType: "application/json" | "application/yaml";
}

const json: OutputForm = { as: "object", mediaType: "application/json" };

/** Picks the first clause this server can serve, in the client's order of preference. @throws StatusError NotAcceptable */
export function negotiate(accept: string): OutputForm {
  if (accept === "application/json" || accept.trim() === "") return json;
  const clauses = accept
    .split(",")
    .map(parseClause)
    .sort((left, right) => right.quality - left.quality);
  for (const clause of clauses) {
    const form = formOf(clause);
    if (form !== undefined) return form;
  }
  throw new StatusError("NotAcceptable", "only the following media types are accepted: application/json, application/yaml");
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

function parseClause(text: string): Clause {
  const [type = "", ...parts] = text.split(";").map((part) => part.trim());
  const parameters = new Map(parts.map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]));
  const quality = Number(parameters.get("q") ?? 1);
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
}

function formOf({ type, parameters }: Clause): OutputForm | undefined {
  const mediaType = mediaTypeOf(type);
  if (mediaType === undefined) return undefined;
  const as = parameters.get("as");
  if (as === undefined) return { as: "object", mediaType };
  if (parameters.get("g") !== "meta.k8s.io" || parameters.get("v") !== "v1") return undefined;
  if (as === "Table") return { as: "table", mediaType };
  return as === "PartialObjectMetadata" || as === "PartialObjectMetadataList" ? { as: "metadata", mediaType } : undefined;
}

function mediaTypeOf(type: string): OutputForm["mediaType"] | undefined {
  switch (type) {
    case "application/json":
    case "application/*":
    case "*/*":
      return "application/json";
    case "application/yaml":
      return "application/yaml";
    default:
      return undefined;
  }
}
