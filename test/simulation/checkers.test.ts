import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";
import { expect, test } from "vitest";

/** Who judges must not ask who is judged. */
test.each(["cluster.ts", "rules.ts", "converged.ts"])("%s imports nothing of what it checks", (file) => {
  const text = readFileSync(join(packageRoot, "test/simulation", file), "utf8");
  const imports = [...text.matchAll(/^(?:import|\} from) .*?"([^"]+)";$|^\} from "([^"]+)";$/gm)].map(
    ([, one, other]) => one ?? other,
  );
  const allowed = ["#api/generated/types", "#api/object", "./cluster.ts", "./history.ts"];
  expect(imports.length).toBeGreaterThan(1);
  expect(imports.filter((name) => !allowed.includes(name ?? ""))).toEqual([]);
  // Of others only types, which do nothing.
  expect(text).not.toMatch(/^import \{(?! type).*"#/m);
});
