import { defineConfig } from "vitest/config";
import SlowestFirstSequencer from "./scripts/slowest-first-sequencer.ts";

const conditions = ["source"];
const shared = { resolve: { conditions }, ssr: { resolve: { conditions } } };

/** These compare the whole machine before and after, measure it, or start an etcd where clusters look for a port first. */
const alone = [
  "test/e2e/{deployment,encryption,etcd-store,misbehaving,side-by-side}.test.ts",
  "apiserver/storage/embedded/compaction.real.test.ts",
  "cluster/local-nodes/local-nodes.real.test.ts",
];

/** Nothing is shown by giving up early: machines are slow, and others use them. */
const patient = (ms: number) => ({ testTimeout: ms, hookTimeout: ms, expect: { poll: { timeout: ms / 4 } } });

export default defineConfig({
  ...shared,
  test: {
    // Vitest leaves one processor to itself, which of two is half of them.
    maxWorkers: "100%",
    sequence: { sequencer: SlowestFirstSequencer },
    reporters: ["default", "./scripts/closing-line-reporter.ts"],
    projects: [
      {
        ...shared,
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: ["node_modules", "dist", "test/e2e", "test/fuzz", "**/*.real.test.ts"],
          ...patient(60_000),
        },
      },
      {
        ...shared,
        test: {
          name: "e2e",
          // After the unit tests. Most of the time they wait, and what they look at is their own: two at once.
          sequence: { groupOrder: 1 },
          include: ["test/e2e/**/*.test.ts", "test/fuzz/**/*.test.ts", "**/*.real.test.ts"],
          exclude: ["node_modules", "dist", ...alone],
          maxWorkers: 2,
          ...patient(240_000),
        },
      },
      {
        ...shared,
        test: {
          name: "alone",
          sequence: { groupOrder: 2 },
          include: alone,
          fileParallelism: false,
          ...patient(240_000),
        },
      },
    ],
  },
});
