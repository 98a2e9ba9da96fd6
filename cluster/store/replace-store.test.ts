import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { Processes } from "../processes/processes.ts";
import { clusterPaths, type ClusterPaths } from "../state/cluster-config.ts";
import { replaceStore, restorePaths, settleStore } from "./replace-store.ts";

describe("replacing a store", () => {
  let folder: string;
  let paths: ClusterPaths;
  let places: Record<string, string>;
  const settle = (): Promise<void> => settleStore(paths, new Processes(paths, systemClock));
  const put = (place: string, content: string): void => {
    mkdirSync(places[place]!, { recursive: true });
    writeFileSync(join(places[place]!, "data"), content);
  };
  /** What each place holds. */
  const found = (): Record<string, string> =>
    Object.fromEntries(
      Object.entries(places)
        .filter(([, path]) => existsSync(path))
        .map(([place, path]) => [place, readFileSync(join(path, "data"), "utf8")]),
    );

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skiff-replace-"));
    paths = clusterPaths("one", folder);
    places = { store: paths.store, ...restorePaths(paths) };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("puts the new one in its place and keeps the old one aside, one at a time", async () => {
    put("store", "old");
    put("making", "new");
    await replaceStore(paths);
    expect(found()).toEqual({ store: "new", before: "old" });
    put("making", "newer");
    await replaceStore(paths);
    expect(found()).toEqual({ store: "newer", before: "new" });
    expect(readdirSync(paths.root).sort()).toEqual(["store", "store.before-restore"]);
  });

  it("works where there was no store", async () => {
    put("making", "new");
    await replaceStore(paths);
    expect(found()).toEqual({ store: "new" });
  });

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ["nothing was under way", { store: "old" }, { store: "old" }],
    ["the new one was being made", { store: "old", making: "half" }, { store: "old" }],
    ["it was made", { store: "old", made: "new" }, { store: "new", before: "old" }],
    [
      "it was made, and the last but one was still there",
      { store: "old", made: "new", before: "older" },
      { store: "new", before: "old" },
    ],
    ["the old one had gone aside", { made: "new", before: "old" }, { store: "new", before: "old" }],
    ["all was done", { store: "new", before: "old" }, { store: "new", before: "old" }],
  ])("is settled when it was killed and %s, and settled again", async (_, left, expected) => {
    for (const [place, content] of Object.entries(left)) put(place, content);
    await settle();
    expect(found()).toEqual(expected);
    await settle();
    expect(found()).toEqual(expected);
  });
});
