import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Flags } from "../arguments/flags.ts";
import { fileFlags } from "../arguments/common-flags.ts";
import { objectsIn, readManifests } from "./manifests.ts";

describe("objectsIn", () => {
  it("finds every document, and the items of lists, in order", () => {
    const text =
      "apiVersion: v1\nkind: A\n---\n# empty\n---\napiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: B}, {apiVersion: v1, kind: C}]\n";
    expect(objectsIn(text, "f").manifests.map(({ object }) => object.kind)).toEqual(["A", "B", "C"]);
  });

  it("stops at a document that is no YAML, and says where it is in the file", () => {
    const { manifests, errors } = objectsIn(
      "apiVersion: v1\nkind: A\n---\nkind: B\n x: y\n---\napiVersion: v1\nkind: C\n",
      "f.yaml",
    );
    expect(manifests.map(({ object }) => object.kind)).toEqual(["A"]);
    expect(errors.map((error) => (error as Error).message)).toEqual([
      expect.stringMatching(/^error parsing f\.yaml: line 5, column \d+: /),
    ]);
  });

  it.each([
    ["apiVersion: v1\n", "kind not set"],
    ["kind: A\n", "apiVersion not set"],
    ["- a\n", "is not an object"],
    ["apiVersion: v1\nkind: A\nmetadata: x\n", "metadata of A is not an object"],
  ])("refuses %j", (text, message) => {
    const [error] = objectsIn(text, "f").errors;
    expect((error as Error).message).toContain(message);
  });
});

describe("readManifests", () => {
  const folder = join(tmpdir(), "unset");
  let root = folder;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "skiff-manifests-"));
    mkdirSync(join(root, "inner"));
    const write = (name: string, kind: string): void => writeFileSync(join(root, name), `apiVersion: v1\nkind: ${kind}\n`);
    write("b.yaml", "B");
    write("a.json", "A");
    write("c.txt", "C");
    write("inner/d.yml", "D");
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const read = async (given: Readonly<Record<string, string[]>>): Promise<(string | undefined)[]> => {
    const flags = new Flags(fileFlags, new Map(Object.entries(given)));
    const streams = { out: () => undefined, err: () => undefined, input: async () => "apiVersion: v1\nkind: Input\n" };
    const { manifests, errors } = await readManifests({ flags, streams, signal: new AbortController().signal });
    expect(errors).toEqual([]);
    return manifests.map(({ object }) => object.kind);
  };

  it("reads the files of a folder by name, and those below only when asked", async () => {
    expect(await read({ filename: [root] })).toEqual(["A", "B"]);
    expect(await read({ filename: [root], recursive: ["true"] })).toEqual(["A", "B", "D"]);
  });

  it("reads files in the order they are given, and - from the standard input", async () => {
    expect(await read({ filename: [join(root, "b.yaml"), "-", join(root, "c.txt")] })).toEqual(["B", "Input", "C"]);
  });

  it("refuses what does not exist, and kustomizations", async () => {
    await expect(read({ filename: [join(root, "nope")] })).rejects.toThrow(/^the path ".*nope" does not exist$/);
    await expect(read({ kustomize: ["."] })).rejects.toThrow("-k is not supported");
  });
});
