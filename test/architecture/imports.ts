import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { packageRoot } from "#base/package-root";

export interface Import {
  /** Of the importing file, from the root. */
  readonly from: string;
  /** A file from the root without its ending (`api/object`), or a package's name, or `node:…`. */
  readonly to: string;
  readonly kind: "source" | "package" | "node";
  /** As written. */
  readonly specifier: string;
}

const importPattern = /(?:^|\n)\s*(?:import|export)\s(?:[^"'`;]*?\sfrom\s)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

export function sourceFiles(folders: readonly string[]): string[] {
  const visit = (folder: string): string[] =>
    readdirSync(join(packageRoot, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return visit(path);
      return entry.name.endsWith(".ts") ? [path] : [];
    });
  return folders.flatMap(visit);
}

export function importsOf(file: string): Import[] {
  const text = readFileSync(join(packageRoot, file), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return [...text.matchAll(importPattern)].map((match) => resolve(file, match[1] ?? match[2] ?? ""));
}

function resolve(from: string, specifier: string): Import {
  if (specifier.startsWith("#")) return { from, specifier, kind: "source", to: specifier.slice(1) };
  if (specifier.startsWith(".")) {
    const path = relative(packageRoot, join(packageRoot, dirname(from), specifier));
    return { from, specifier, kind: "source", to: path.replace(/\.ts$/, "") };
  }
  if (specifier.startsWith("node:")) return { from, specifier, kind: "node", to: specifier };
  const parts = specifier.split("/");
  return { from, specifier, kind: "package", to: specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "") };
}
