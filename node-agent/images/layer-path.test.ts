import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { entryParts, placeInLayer } from "./layer-path.ts";

const root = mkdtempSync(join(tmpdir(), "skiff-layer-"));
afterAll(() => rmSync(root, { recursive: true }));

describe("entryParts", () => {
  it.each([
    ["./etc/passwd", ["etc", "passwd"]],
    ["/etc//passwd", ["etc", "passwd"]],
    ["a/../b", ["b"]],
    ["./", []],
  ])("reads %s", (name, parts) => {
    expect(entryParts(name)).toEqual(parts);
  });

  it.each(["..", "../x", "a/../../x", "/../x"])("refuses %s", (name) => {
    expect(() => entryParts(name)).toThrow("leads out of the image");
  });
});

describe("placeInLayer", () => {
  it("follows the layer's own links from the layer's root and never out of it", () => {
    mkdirSync(join(root, "usr/lib"), { recursive: true });
    symlinkSync("usr/lib", join(root, "lib"));
    symlinkSync("/usr/lib", join(root, "absolute"));
    symlinkSync("/etc", join(root, "conf"));
    symlinkSync("../..", join(root, "usr/out"));
    symlinkSync("loop", join(root, "loop"));
    expect(placeInLayer(root, "lib/a")).toEqual({ folder: join(root, "usr/lib"), base: "a" });
    expect(placeInLayer(root, "absolute/a")).toEqual({ folder: join(root, "usr/lib"), base: "a" });
    expect(placeInLayer(root, "conf/passwd")).toEqual({ folder: join(root, "etc"), base: "passwd" });
    expect(() => placeInLayer(root, "usr/out/a")).toThrow("through a symbolic link");
    expect(() => placeInLayer(root, "loop/a")).toThrow("too many symbolic links");
  });

  it("does not follow the entry itself", () => {
    expect(placeInLayer(root, "lib")).toEqual({ folder: root, base: "lib" });
  });
});
