import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "#base/clock";
import { systemRandom } from "#base/random";
import { openPki } from "./pki.ts";

describe("the keys of a cluster", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-pki-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("sign tokens with the same one after a restart, which its owner alone can read", async () => {
    const first = await (await openPki(folder, systemClock, systemRandom)).signingKey("sa");
    const second = await (await openPki(folder, systemClock, systemRandom)).signingKey("sa");
    expect(second).toBe(first);
    expect((await stat(join(folder, "sa.key"))).mode & 0o777).toBe(0o600);
  });
});
