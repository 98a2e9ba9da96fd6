import { defineConfig } from "vitest/config";

const conditions = ["source"];
const shared = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default defineConfig({
  ...shared,
  test: {
    // Vitest leaves one processor to itself, which of two is half of them.
    maxWorkers: "100%",
    reporters: ["default", "./scripts/closing-line-reporter.ts"],
    projects: [
      {
        ...shared,
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: ["node_modules", "dist", "test/e2e", "test/fuzz", "**/*.real.test.ts"],
        },
      },
      {
        ...shared,
        test: {
          name: "e2e",
          // After the unit tests, and one file after the other: these look at the whole machine.
          sequence: { groupOrder: 1 },
          include: ["test/e2e/**/*.test.ts", "test/fuzz/**/*.test.ts", "**/*.real.test.ts"],
          exclude: ["node_modules", "dist"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
