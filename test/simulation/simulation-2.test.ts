import { test } from "vitest";
import { expectNoViolations } from "./seeds.testing.ts";

/** One half of the seeds; the other is in a file of its own, for another processor. */
test(
  "250 clusters keep their promises after every write, and come to rest as they were asked to",
  { timeout: 600_000 },
  async () => {
    await expectNoViolations(250, 250);
  },
);
