import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "#base/package-root";
import { generateTypes } from "../../scripts/generate-types.ts";
import { schemaDefinitions } from "../schema.ts";

test("the types are what `npm run generate` makes of the schema", () => {
  const written = readFileSync(join(packageRoot, "api/generated/types.ts"), "utf8");
  expect(written === generateTypes(schemaDefinitions()), "run npm run generate").toBe(true);
});
