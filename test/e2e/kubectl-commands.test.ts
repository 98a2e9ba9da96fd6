import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "#base/package-root";
import { loadHelloImage } from "./hello-image.ts";
import { whyNot } from "./requirements.ts";
import { stage } from "./stage.ts";
import { TestCluster } from "./test-cluster.ts";
import { compare, readTranscript } from "./transcript.ts";

const versions = ["1.27", "1.30", "1.33"];
const reason = whyNot({ tools: ["curl"], kubectl: versions });
const folder = join(packageRoot, "test/e2e/kubectl");
const files = readdirSync(folder).filter((name) => name.endsWith(".console"));

/** Every kubectl command that needs no container beyond logs, as its users see it. */
describe.skipIf(reason !== "")(`kubectl${reason === "" ? "" : ` (${reason})`}`, () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-kubectl");
    // A node for each version, so that what is done to nodes does not meet.
    await cluster.up("--nodes", String(versions.length), "--store", "memory");
    await loadHelloImage(cluster);
  }, 120_000);

  afterAll(() => cluster.remove(), 120_000);

  describe.concurrent.each(versions)("%s", (version) => {
    it.each(files)("%s", { timeout: 300_000 }, async (file) => {
      const steps = readTranscript(file, await readFile(join(folder, file), "utf8"), version);
      const play = await stage(cluster, {
        name: file.replace(".console", ""),
        version,
        node: `node-${versions.indexOf(version) + 1}`,
      });
      const seen: { expected: string; actual: string }[] = [];
      for (const step of steps) seen.push(compare(step, await play(step.command)));
      expect(seen.map(({ actual }) => actual).join("\n")).toBe(seen.map(({ expected }) => expected).join("\n"));
    });
  });
});
