import { isDeepStrictEqual } from "node:util";
import type { ResourceDefinition } from "../definition.ts";
import { forbidden, immutable, invalidValue, required, tooLong, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { Secret } from "../generated/types.ts";
import { validateConfigKey } from "../name-validation.ts";
import { secrets } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";

const sizeLimit = 1024 * 1024;

/** The keys a secret of a well-known type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};

export const secretDefinition: ResourceDefinition<Secret> = {
  type: secrets,
  singular: "secret",
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.Secret" }],
  withDefaults: ({ stringData, ...secret }) => {
    const added = Object.entries(stringData ?? {}).map(([key, text]) => [key, Buffer.from(text).toString("base64")] as const);
    const data = added.length === 0 ? secret.data : { ...secret.data, ...Object.fromEntries(added) };
    return { ...secret, ...(data && { data }), type: secret.type === undefined || secret.type === "" ? "Opaque" : secret.type };
  },
  validate: validateSecret,
  validateUpdate: (next, old) => {
    const errors: FieldError[] = [];
    if (next.type !== old.type) errors.push(immutable("type", next.type));
    if (old.immutable !== true) return errors;
    if (next.immutable !== true) errors.push(forbidden("immutable", "field is immutable when `immutable` is set"));
    if (!isDeepStrictEqual(next.data, old.data)) errors.push(forbidden("data", "field is immutable when `immutable` is set"));
    return errors;
  },
  selectableFields: (secret) => ({ type: secret.type ?? "" }),
  tableColumns: [column("Type", "What the secret is for."), column("Data", "Number of entries.", { type: "integer" }), ageColumn],
  tableRow: (secret, now) => [
    secret.type ?? "",
    Object.keys(secret.data ?? {}).length,
    age(secret.metadata.creationTimestamp, now),
  ],
};

function validateSecret(secret: Secret): FieldError[] {
  const errors: FieldError[] = [];
  const data = secret.data ?? {};
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...named(`data[${key}]`, key, validateConfigKey));
    size += Buffer.byteLength(value, "base64");
  }
  if (size > sizeLimit) errors.push(tooLong("data", sizeLimit));
  for (const key of requiredKeys[secret.type ?? ""] ?? []) {
    const isEmptyKey = key === "ssh-privatekey" && data[key] === "";
    if (!Object.hasOwn(data, key) || isEmptyKey) errors.push(required(`data[${key}]`));
    else if (key.startsWith(".docker")) {
      const problem = whyNoObject(Buffer.from(data[key] ?? "", "base64").toString());
      if (problem !== undefined) errors.push(invalidValue(`data[${key}]`, "<secret contents redacted>", problem));
    }
  }
  if (secret.type === "kubernetes.io/basic-auth" && !Object.hasOwn(data, "username") && !Object.hasOwn(data, "password")) {
    errors.push(required("data[username]"), required("data[password]"));
  }
  if (secret.type === "kubernetes.io/service-account-token") {
    const account = secret.metadata.annotations?.["kubernetes.io/service-account.name"];
    if (account === undefined || account === "")
      errors.push(required("metadata.annotations[kubernetes.io/service-account.name]"));
  }
  return errors;
}

/** In the words of Go's decoder, as far as they give nothing of the secret away. */
function whyNoObject(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const [first] = text.trim();
    if (first === undefined) return "unexpected end of JSON input";
    if ('{["-0123456789tfn'.includes(first)) return "invalid character found where JSON was expected";
    return `invalid character '${first}' looking for beginning of value`;
  }
  if (typeof value === "object" && !Array.isArray(value)) return undefined;
  const kind = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
}
