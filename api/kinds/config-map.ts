import { isDeepStrictEqual } from "node:util";
import type { ResourceDefinition } from "../definition.ts";
import { forbidden, invalidValue, tooLong, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { ConfigMap } from "../generated/types.ts";
import { validateConfigKey } from "../name-validation.ts";
import { configMaps } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";

const sizeLimit = 1024 * 1024;

export const configMapDefinition: ResourceDefinition<ConfigMap> = {
  type: configMaps,
  singular: "configmap",
  shortNames: ["cm"],
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.ConfigMap" }],
  validate: validateConfigMap,
  validateUpdate: (next, old) => {
    if (old.immutable !== true) return [];
    const errors: FieldError[] = [];
    if (next.immutable !== true) errors.push(forbidden("immutable", "field is immutable when `immutable` is set"));
    if (!isDeepStrictEqual(next.data ?? {}, old.data ?? {}))
      errors.push(forbidden("data", "field is immutable when `immutable` is set"));
    if (!isDeepStrictEqual(next.binaryData, old.binaryData))
      errors.push(forbidden("binaryData", "field is immutable when `immutable` is set"));
    return errors;
  },
  tableColumns: [column("Data", "Number of entries.", { type: "integer" }), ageColumn],
  tableRow: (map, now) => [
    Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
    age(map.metadata.creationTimestamp, now),
  ],
};

function validateConfigMap(map: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(map.data ?? {})) {
    errors.push(...named(`data[${key}]`, key, validateConfigKey));
    if (Object.hasOwn(map.binaryData ?? {}, key))
      errors.push(invalidValue(`data[${key}]`, key, `duplicate of key present in binaryData`));
    size += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    errors.push(...named(`binaryData[${key}]`, key, validateConfigKey));
    size += Buffer.byteLength(value, "base64");
  }
  if (size > sizeLimit) errors.push(tooLong("", sizeLimit));
  return errors;
}
